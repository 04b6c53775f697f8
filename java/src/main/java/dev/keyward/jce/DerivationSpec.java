package dev.keyward.jce;

import java.security.Key;
import java.security.InvalidAlgorithmParameterException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.KeySpec;
import java.util.Objects;
import javax.crypto.SecretKey;

/**
 * How a secret key is made from another key, inside the service: the argument of
 * {@code SecretKeyFactory.generateSecret}, whose result is the new key.
 *
 * <pre>{@code
 * SecretKeyFactory factory = SecretKeyFactory.getInstance("AES", "Keyward");
 * SecretKey tenant = factory.generateSecret(
 *     DerivationSpec.hkdf("SHA-256", salt, "tenant 7".getBytes(UTF_8))
 *         .from(root).to(KeyAttributes.named("tenant-7").ofType("aes-256")));
 * }</pre>
 *
 * <p>The key that it is made from needs the use {@link KeyRight#DERIVE}. The same key and the same
 * parameters give the same key again. Objects are immutable; each method gives another one.
 */
public final class DerivationSpec implements KeySpec, AlgorithmParameterSpec {
    private final AlgorithmTable.Derivation function;
    private final AlgorithmTable.Digest digest;
    private final byte[] salt;
    private final byte[] info;
    private final Key from;
    private final PublicKey peer;
    private final KeyAttributes attributes;

    private DerivationSpec(AlgorithmTable.Derivation function, AlgorithmTable.Digest digest,
            byte[] salt, byte[] info, Key from, PublicKey peer, KeyAttributes attributes) {
        this.function = function;
        this.digest = digest;
        this.salt = salt;
        this.info = info;
        this.from = from;
        this.peer = peer;
        this.attributes = attributes;
    }

    private static DerivationSpec of(AlgorithmTable.Derivation function, String digest,
            byte[] salt, byte[] info) {
        try {
            return of(function, Digests.named(digest), salt, info);
        } catch (InvalidAlgorithmParameterException unknown) {
            throw new IllegalArgumentException(unknown.getMessage(), unknown);
        }
    }

    /** The same where the digest is known. */
    static DerivationSpec of(AlgorithmTable.Derivation function, AlgorithmTable.Digest digest,
            byte[] salt, byte[] info) {
        return new DerivationSpec(function, digest, salt.clone(), info.clone(), null, null, null);
    }

    /**
     * HKDF (RFC 5869), extract and expand.
     *
     * @param digest {@code SHA-256}
     * @param salt empty for none
     * @param info what the key is for; may be empty
     * @throws IllegalArgumentException if there is no such digest
     */
    public static DerivationSpec hkdf(String digest, byte[] salt, byte[] info) {
        return of(AlgorithmTable.Derivation.HKDF, digest, salt, info);
    }

    /**
     * The KDF in counter mode of NIST SP 800-108, with HMAC: a counter of 32 bits stands before the
     * fixed input.
     *
     * @param digest {@code SHA-256}
     * @param fixedInput what stands behind the counter: label, zero byte, context and length, say
     * @throws IllegalArgumentException if there is no such digest
     */
    public static DerivationSpec counterMode(String digest, byte[] fixedInput) {
        return of(AlgorithmTable.Derivation.KBKDF_HMAC, digest, new byte[0], fixedInput);
    }

    /**
     * The KDF of ANSI X9.63 (SEC 1, 3.6.1), which takes the secret of a key agreement.
     *
     * @param digest {@code SHA-256}
     * @param sharedInfo may be empty
     * @throws IllegalArgumentException if there is no such digest
     */
    public static DerivationSpec x963(String digest, byte[] sharedInfo) {
        return of(AlgorithmTable.Derivation.X963, digest, new byte[0], sharedInfo);
    }

    /**
     * The same from this secret key of the service.
     *
     * @param key with the use {@link KeyRight#DERIVE}
     */
    public DerivationSpec from(SecretKey key) {
        return new DerivationSpec(function, digest, salt, info, Objects.requireNonNull(key), null,
            attributes);
    }

    /**
     * The same from the key agreement of a key of the service with another one.
     *
     * @param key an EC or X25519 key with the use {@link KeyRight#DERIVE}
     * @param peer the other side's key
     */
    public DerivationSpec from(PrivateKey key, PublicKey peer) {
        return new DerivationSpec(function, digest, salt, info, Objects.requireNonNull(key),
            Objects.requireNonNull(peer), attributes);
    }

    /**
     * The same for a key with these attributes. Without a type it has the usual size of its kind.
     */
    public DerivationSpec to(KeyAttributes attributes) {
        return new DerivationSpec(function, digest, salt, info, from, peer,
            Objects.requireNonNull(attributes));
    }

    AlgorithmTable.Derivation function() {
        return function;
    }

    AlgorithmTable.Digest digest() {
        return digest;
    }

    byte[] salt() {
        return salt;
    }

    byte[] info() {
        return info;
    }

    /** What the new key is made from; null if that is yet to be said. */
    Key from() {
        return from;
    }

    /** The other side of a key agreement; null for none. */
    PublicKey peer() {
        return peer;
    }

    /** What the new key will be; null if that is yet to be said. */
    KeyAttributes attributes() {
        return attributes;
    }
}
