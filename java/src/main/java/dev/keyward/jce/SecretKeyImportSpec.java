package dev.keyward.jce;

import java.security.spec.KeySpec;
import java.util.Objects;
import javax.crypto.SecretKey;

/**
 * A secret key that this process holds, to be taken into the service: the argument of
 * {@code SecretKeyFactory.generateSecret}, whose result is the key in the service.
 *
 * <pre>{@code
 * SecretKeyFactory factory = SecretKeyFactory.getInstance("AES", "Keyward");
 * SecretKey inside = factory.generateSecret(
 *     new SecretKeyImportSpec(foreignSecret, KeyAttributes.named("orders")));
 * }</pre>
 *
 * <p>The service remembers that such a key has existed outside. Its copies here and in files stay
 * where they are: to destroy them is the caller's part.
 */
public final class SecretKeyImportSpec implements KeySpec {
    private final SecretKey key;
    private final KeyAttributes attributes;

    /**
     * What is to be imported.
     *
     * @param key a key that gives out its bytes
     * @param attributes name and uses in the service; no type, since the key has one
     */
    public SecretKeyImportSpec(SecretKey key, KeyAttributes attributes) {
        this.key = Objects.requireNonNull(key);
        this.attributes = Objects.requireNonNull(attributes);
    }

    /** The key as it is now. */
    public SecretKey key() {
        return key;
    }

    /** What it will be in the service. */
    public KeyAttributes attributes() {
        return attributes;
    }
}
