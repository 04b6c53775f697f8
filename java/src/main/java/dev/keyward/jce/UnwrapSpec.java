package dev.keyward.jce;

import java.security.spec.AlgorithmParameterSpec;
import java.util.Objects;

/**
 * What a cipher that unwraps a key into the service is to know: what the key will be there, and the
 * cipher's own parameters. Where it has none, {@link KeyAttributes} alone will do.
 *
 * <pre>{@code
 * Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding", "Keyward");
 * cipher.init(Cipher.UNWRAP_MODE, keyEncryptionKey,
 *     new UnwrapSpec(KeyAttributes.named("orders"), new GCMParameterSpec(128, iv)));
 * SecretKey key = (SecretKey) cipher.unwrap(wrapped, "AES", Cipher.SECRET_KEY);
 * }</pre>
 */
public final class UnwrapSpec implements AlgorithmParameterSpec {
    private final KeyAttributes attributes;
    private final AlgorithmParameterSpec parameters;

    /**
     * Attributes of the key and parameters of the cipher.
     *
     * @param attributes what the key will be; a secret key without a type has the size that comes
     * @param parameters {@code OAEPParameterSpec}, {@code GCMParameterSpec}
     */
    public UnwrapSpec(KeyAttributes attributes, AlgorithmParameterSpec parameters) {
        this.attributes = Objects.requireNonNull(attributes);
        this.parameters = Objects.requireNonNull(parameters);
    }

    /** What the key will be. */
    public KeyAttributes attributes() {
        return attributes;
    }

    /** Parameters of the cipher. */
    public AlgorithmParameterSpec parameters() {
        return parameters;
    }
}
