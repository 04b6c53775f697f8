package dev.keyward.jce;

import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.spec.KeySpec;
import java.util.List;
import java.util.Objects;

/**
 * A private key that this process holds, to be taken into the service: the argument of
 * {@code KeyFactory.generatePrivate}, whose result is the key in the service.
 *
 * <pre>{@code
 * KeyFactory factory = KeyFactory.getInstance("RSA", "Keyward");
 * PrivateKey inside = factory.generatePrivate(
 *     new KeyImportSpec(foreignKey, KeyAttributes.named("web")));
 * }</pre>
 *
 * <p>The service remembers that such a key has existed outside. Its copies here and in files stay
 * where they are: to destroy them is the caller's part.
 */
public final class KeyImportSpec implements KeySpec {
    private final PrivateKey key;
    private final KeyAttributes attributes;
    private final List<Certificate> chain;

    /**
     * What is to be imported.
     *
     * @param key a key that gives out its PKCS#8 encoding
     * @param attributes name and uses in the service; no type, since the key has one
     * @param chain certificates to keep beside the key, its own first; or none
     */
    public KeyImportSpec(PrivateKey key, KeyAttributes attributes, Certificate... chain) {
        this.key = Objects.requireNonNull(key);
        this.attributes = Objects.requireNonNull(attributes);
        this.chain = List.of(chain);
    }

    /** The key as it is now. */
    public PrivateKey key() {
        return key;
    }

    /** What it will be in the service. */
    public KeyAttributes attributes() {
        return attributes;
    }

    /** The certificates that will be kept beside it. */
    public List<Certificate> chain() {
        return chain;
    }
}
