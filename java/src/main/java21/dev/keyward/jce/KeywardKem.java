package dev.keyward.jce;

import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.spec.AlgorithmParameterSpec;
import java.util.Arrays;
import java.util.List;
import javax.crypto.DecapsulateException;
import javax.crypto.KEMSpi;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

/**
 * ML-KEM with private keys of the service: {@code decapsulate} is one request. To encapsulate takes
 * a public key alone and is other providers' part.
 */
final class KeywardKem implements KEMSpi {
    /** FIPS 203, 6. */
    private static final int SECRET_BYTES = 32;

    private final String algorithm;
    private final List<AlgorithmTable.MlKem> sets;

    KeywardKem(String algorithm, List<AlgorithmTable.MlKem> sets) {
        this.algorithm = algorithm;
        this.sets = sets;
    }

    @Override
    public EncapsulatorSpi engineNewEncapsulator(PublicKey publicKey, AlgorithmParameterSpec spec,
            SecureRandom random) throws InvalidKeyException {
        throw new InvalidKeyException("Keyward decapsulates; to encapsulate, name no provider");
    }

    @Override
    public DecapsulatorSpi engineNewDecapsulator(PrivateKey privateKey,
            AlgorithmParameterSpec spec)
            throws InvalidAlgorithmParameterException, InvalidKeyException {
        if (!(privateKey instanceof ServiceKey key)) {
            throw new InvalidKeyException("the provider Keyward decapsulates with keys of the"
                + " KeyStore \"Keyward\" only; name no provider to use other keys");
        }
        AlgorithmTable.MlKem set = sets.stream()
            .filter(one -> one.family == key.info().family()).findFirst()
            .orElseThrow(() -> new InvalidKeyException("a key of type " + key.info().type()
                + " does not do " + algorithm));
        if (spec != null) {
            throw new InvalidAlgorithmParameterException(algorithm + " takes no parameters");
        }
        key.demand(KeyRight.DERIVE);
        return new Decapsulator(key, set);
    }

    private record Decapsulator(ServiceKey key, AlgorithmTable.MlKem set)
            implements DecapsulatorSpi {

        @Override
        public SecretKey engineDecapsulate(byte[] encapsulation, int from, int to,
                String algorithm) throws DecapsulateException {
            if (encapsulation.length != set.ciphertextBytes) {
                throw new DecapsulateException(set.family.jca + " has encapsulations of "
                    + set.ciphertextBytes + " bytes, not " + encapsulation.length);
            }
            byte[] secret;
            try {
                secret = key.client().decapsulate(key.info(), encapsulation);
            } catch (KeywardException failure) {
                if (failure.kind() == ErrorKind.INVALID_ARGUMENT) {
                    throw new DecapsulateException(failure.getMessage(), failure);
                }
                throw Failures.provider(failure);
            }
            try {
                return new SecretKeySpec(secret, from, to - from, algorithm);
            } finally {
                Arrays.fill(secret, (byte) 0);
            }
        }

        @Override
        public int engineSecretSize() {
            return SECRET_BYTES;
        }

        @Override
        public int engineEncapsulationSize() {
            return set.ciphertextBytes;
        }
    }
}
