package dev.keyward.jce;

import java.security.PrivateKey;
import java.security.PublicKey;

/**
 * A private key that is in the service. {@code Signature}, {@code Cipher}, {@code KeyAgreement} and
 * JSSE take it as they take any other.
 *
 * <pre>{@code
 * KeywardPrivateKey key = (KeywardPrivateKey) keys.getKey("web", null);
 * Signature signature = Signature.getInstance("SHA256withECDSA");
 * signature.initSign(key);
 * signature.update(message);
 * byte[] signed = signature.sign();
 * signature.initVerify(key.publicKey());
 * signature.update(message);
 * boolean right = signature.verify(signed);
 * }</pre>
 */
public interface KeywardPrivateKey extends KeywardKey, PrivateKey {
    /** The public half, or null where this Java does not know the key's curve. */
    PublicKey publicKey();

    @Override
    void destroy();

    @Override
    boolean isDestroyed();
}
