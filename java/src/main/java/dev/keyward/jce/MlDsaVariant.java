package dev.keyward.jce;

import java.security.spec.AlgorithmParameterSpec;

/**
 * How ML-DSA signs (FIPS 204, 3.4): the parameter of a {@code Signature} that signs with it. Without
 * one it is {@link #HEDGED}. Whoever verifies sees no difference.
 *
 * <pre>{@code
 * KeyPairGenerator generator = KeyPairGenerator.getInstance("ML-DSA-65", "Keyward");
 * generator.initialize(KeyAttributes.named("releases"));
 * Signature signature = Signature.getInstance("ML-DSA", "Keyward");
 * signature.initSign(generator.generateKeyPair().getPrivate());
 * signature.setParameter(MlDsaVariant.DETERMINISTIC);
 * signature.update(message);
 * byte[] always = signature.sign();
 * }</pre>
 */
public enum MlDsaVariant implements AlgorithmParameterSpec {
    /** With fresh randomness in each signature, which protects against faults and side channels. */
    HEDGED,
    /** Without: the same key and message give the same signature again. */
    DETERMINISTIC
}
