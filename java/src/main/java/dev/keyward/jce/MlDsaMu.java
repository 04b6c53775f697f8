package dev.keyward.jce;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;

/**
 * The digest that ML-DSA signs (FIPS 204, 6.2: mu), made here from public key and message, so that a
 * message of any size need not travel. Java 25 has the hash function; before that a provider such as
 * BouncyCastle may.
 */
final class MlDsaMu {
    private static final String SHAKE256 = "SHAKE256-512";
    /** What stands in a SubjectPublicKeyInfo before the key, whose sizes all take two bytes. */
    private static final int SPKI_HEAD_BYTES = 22;
    /** The message itself, and a context of no bytes (FIPS 204, 5.2). */
    private static final byte[] PREFIX = {0, 0};

    /** Whether it is ML-DSA, over a message or over this digest. */
    static boolean isMlDsa(AlgorithmTable.Scheme scheme) {
        return switch (scheme) {
            case ML_DSA_44, ML_DSA_65, ML_DSA_87, ML_DSA_44_MU, ML_DSA_65_MU, ML_DSA_87_MU -> true;
            case RSA_PKCS1, RSA_PSS, RSA_RAW, ECDSA, ED25519, ED25519PH -> false;
        };
    }

    /** The scheme that takes this digest in place of the message. */
    static AlgorithmTable.Scheme over(AlgorithmTable.Scheme scheme) {
        return AlgorithmTable.Scheme.valueOf(scheme.name() + "_MU");
    }

    /** Takes a message for this key; null where nobody has the hash function. */
    static MessageInput input(KeyInfo key) {
        MessageDigest hash;
        try {
            hash = MessageDigest.getInstance(SHAKE256);
        } catch (NoSuchAlgorithmException olderJava) {
            return null;
        }
        byte[] spki = key.spki();
        byte[] keyHash =
            hash.digest(Arrays.copyOfRange(spki, SPKI_HEAD_BYTES, spki.length));
        return MessageInput.digesting(hash, keyHash, PREFIX);
    }

    private MlDsaMu() {}
}
