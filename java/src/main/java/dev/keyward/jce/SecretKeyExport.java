package dev.keyward.jce;

import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.ProviderException;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.spec.SecretKeySpec;

/**
 * Takes the bytes of an exportable secret key out of the service: encrypted to a pair of keys that
 * this process has made for itself, the same way by which {@code Cipher.wrap} gives keys to others.
 */
final class SecretKeyExport {
    private static final KeyWrapping TO_US =
        new KeyWrapping(AlgorithmTable.Wrapping.RSA_AES, new OaepParameters(
            AlgorithmTable.Digest.SHA256, AlgorithmTable.Digest.SHA256, new byte[0]));

    /** Made when it is first needed. */
    private static final class Us {
        static final int BITS = 2048;
        static final KeyPair PAIR = make();

        private static KeyPair make() {
            try {
                KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
                generator.initialize(BITS);
                return generator.generateKeyPair();
            } catch (GeneralSecurityException failure) {
                throw new ProviderException("this Java cannot make RSA keys", failure);
            }
        }
    }

    /** The bytes of a key. */
    static byte[] bytes(ServiceClient client, KeyInfo key) throws KeywardException {
        byte[] wrapped = client.wrap(key, TO_US, null, Us.PAIR.getPublic().getEncoded());
        try {
            return unwrapped(wrapped);
        } catch (GeneralSecurityException failure) {
            throw new ProviderException("this Java cannot decrypt what the service encrypted to it",
                failure);
        }
    }

    /** PKCS#11's CKM_RSA_AES_KEY_WRAP: an AES key encrypted by RSA, then the secret by AES-KWP. */
    private static byte[] unwrapped(byte[] wrapped) throws GeneralSecurityException {
        int block = Us.BITS / Byte.SIZE;
        Cipher rsa = Cipher.getInstance("RSA/ECB/OAEPPadding");
        rsa.init(Cipher.DECRYPT_MODE, Us.PAIR.getPrivate(), TO_US.oaep().spec());
        byte[] kek = rsa.doFinal(wrapped, 0, block);
        try {
            Cipher aes = Cipher.getInstance("AES/KWP/NoPadding");
            aes.init(Cipher.UNWRAP_MODE, new SecretKeySpec(kek, "AES"));
            return aes.unwrap(Arrays.copyOfRange(wrapped, block, wrapped.length), "RAW",
                Cipher.SECRET_KEY).getEncoded();
        } finally {
            Arrays.fill(kek, (byte) 0);
        }
    }

    private SecretKeyExport() {}
}
