package dev.keyward.jce;

import javax.crypto.SecretKey;

/**
 * A secret key that is in the service: {@code Cipher} encrypts with it and {@code Mac}
 * authenticates, each message in one request.
 *
 * <pre>{@code
 * KeyGenerator generator = KeyGenerator.getInstance("AES", "Keyward");
 * generator.init(KeyAttributes.named("orders").ofType("aes-256"));
 * Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
 * cipher.init(Cipher.ENCRYPT_MODE, generator.generateKey());
 * byte[] ciphertext = cipher.doFinal(plaintext);
 * byte[] iv = cipher.getIV();          // the service has drawn it
 * }</pre>
 */
public interface KeywardSecretKey extends KeywardKey, SecretKey {
    /** Its size in bits. */
    int keyBits();

    @Override
    void destroy();

    @Override
    boolean isDestroyed();
}
