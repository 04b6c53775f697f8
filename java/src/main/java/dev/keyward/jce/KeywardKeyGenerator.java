package dev.keyward.jce;

import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidParameterException;
import java.security.ProviderException;
import java.security.SecureRandom;
import java.security.spec.AlgorithmParameterSpec;
import javax.crypto.KeyGeneratorSpi;
import javax.crypto.SecretKey;

/** Makes secret keys in the service, under the conditions of {@link MakingKeys}. */
final class KeywardKeyGenerator extends KeyGeneratorSpi {
    private final ServiceClient client;
    private final String algorithm;
    private final AlgorithmTable.SecretKind kind;
    private final int defaultBits;
    private KeyAttributes attributes;
    private int bits;

    KeywardKeyGenerator(ServiceClient client, String algorithm, AlgorithmTable.SecretKind kind,
            int defaultBits) {
        this.client = client;
        this.algorithm = algorithm;
        this.kind = kind;
        this.defaultBits = defaultBits;
        this.bits = defaultBits;
    }

    @Override
    protected void engineInit(SecureRandom random) {
        engineInit(defaultBits, random);
    }

    @Override
    protected void engineInit(int bits, SecureRandom random) {
        String refusal = MakingKeys.refusal("KeyGenerator", algorithm);
        if (refusal != null) {
            throw new InvalidParameterException(refusal);
        }
        this.bits = bits;
        attributes = null;
    }

    @Override
    protected void engineInit(AlgorithmParameterSpec parameters, SecureRandom random)
            throws InvalidAlgorithmParameterException {
        if (!(parameters instanceof KeyAttributes wanted)) {
            throw new InvalidAlgorithmParameterException(
                "a generator of Keyward takes KeyAttributes");
        }
        if (wanted.type() != null && !wanted.type().startsWith(kind.keyward + "-")) {
            throw new InvalidAlgorithmParameterException("a generator for " + algorithm
                + " makes no key of type " + wanted.type());
        }
        attributes = wanted;
        bits = defaultBits;
    }

    @Override
    protected SecretKey engineGenerateKey() {
        KeyAttributes wanted = attributes;
        if (wanted == null) {
            String refusal = MakingKeys.refusal("KeyGenerator", algorithm);
            if (refusal != null) {
                throw new ProviderException(refusal);
            }
            wanted = KeyAttributes.named(MakingKeys.unnamed());
        }
        String type = wanted.type() != null ? wanted.type() : kind.keyward + "-" + bits;
        try {
            return ServiceSecretKey.of(client, client.generate(wanted, type));
        } catch (KeywardException failure) {
            throw Failures.provider(failure);
        }
    }
}
