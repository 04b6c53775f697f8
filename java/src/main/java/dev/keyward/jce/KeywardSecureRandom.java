package dev.keyward.jce;

import java.security.SecureRandomSpi;

/**
 * Random bytes of the service's generator. It is had by name alone,
 * {@code SecureRandom.getInstance("Keyward")}: {@code new SecureRandom()} stays what it was,
 * wherever Keyward stands in the list of providers.
 */
final class KeywardSecureRandom extends SecureRandomSpi {
    static final String NAME = KeywardProvider.NAME;

    private static final long serialVersionUID = 1L;
    private static final int BYTES_AT_ONCE = 65536;

    private final transient ServiceClient client;

    KeywardSecureRandom(ServiceClient client) {
        this.client = client;
    }

    /** Adds nothing: the service's generator is seeded by its machine. */
    @Override
    protected void engineSetSeed(byte[] seed) {}

    @Override
    protected void engineNextBytes(byte[] bytes) {
        try {
            for (int at = 0; at < bytes.length; at += BYTES_AT_ONCE) {
                int length = Math.min(BYTES_AT_ONCE, bytes.length - at);
                System.arraycopy(client.random(length), 0, bytes, at, length);
            }
        } catch (KeywardException failure) {
            throw Failures.provider(failure);
        }
    }

    @Override
    protected byte[] engineGenerateSeed(int length) {
        byte[] seed = new byte[length];
        engineNextBytes(seed);
        return seed;
    }
}
