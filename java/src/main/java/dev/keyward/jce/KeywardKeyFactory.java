package dev.keyward.jce;

import java.security.InvalidKeyException;
import java.security.Key;
import java.security.KeyFactorySpi;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.KeySpec;
import java.util.List;

/**
 * Takes private keys into the service, by {@link KeyImportSpec} and by nothing less: a bare
 * encoding has no name, and whoever decodes one does not expect it to travel. Public keys are
 * handed to the other providers.
 */
final class KeywardKeyFactory extends KeyFactorySpi {
    private final ServiceClient client;
    private final String algorithm;
    private final List<AlgorithmTable.Family> families;

    KeywardKeyFactory(ServiceClient client, String algorithm,
            List<AlgorithmTable.Family> families) {
        this.client = client;
        this.algorithm = algorithm;
        this.families = families;
    }

    @Override
    protected PrivateKey engineGeneratePrivate(KeySpec spec) throws InvalidKeySpecException {
        if (!(spec instanceof KeyImportSpec wanted)) {
            throw new InvalidKeySpecException("Keyward takes a private key in by a KeyImportSpec,"
                + " which says what it will be called; name no provider to decode a key here");
        }
        if (!isOurs(wanted.key())) {
            throw new InvalidKeySpecException("a factory for " + algorithm + " imports no "
                + wanted.key().getAlgorithm() + " key");
        }
        try {
            return ServicePrivateKey.of(client, KeyImport.into(client, wanted));
        } catch (InvalidKeyException failure) {
            throw new InvalidKeySpecException(failure.getMessage(), failure);
        } catch (KeywardException failure) {
            throw new InvalidKeySpecException(failure.getMessage(), failure);
        }
    }

    private boolean isOurs(PrivateKey key) {
        if (families.stream().anyMatch(family -> KeyImport.isOf(family, key.getAlgorithm()))) {
            return true;
        }
        // The JDK's keys say this whatever their parameter set is; its factories know better.
        return AlgorithmTable.ML_DSA.equals(key.getAlgorithm())
            && JdkFactories.ask(algorithm, factory -> factory.translateKey(key)) != null;
    }

    @Override
    protected PublicKey engineGeneratePublic(KeySpec spec) throws InvalidKeySpecException {
        return elsewhere(factory -> factory.generatePublic(spec));
    }

    @Override
    protected <T extends KeySpec> T engineGetKeySpec(Key key, Class<T> kind)
            throws InvalidKeySpecException {
        if (key instanceof ServiceKey) {
            throw new InvalidKeySpecException("the key stays in the service");
        }
        return elsewhere(factory -> factory.getKeySpec(key, kind));
    }

    @Override
    protected Key engineTranslateKey(Key key) throws InvalidKeyException {
        if (key instanceof ServiceKey serviceKey && families.contains(serviceKey.info().family())) {
            return key;
        }
        if (key instanceof PublicKey) {
            try {
                return elsewhere(factory -> factory.translateKey(key));
            } catch (InvalidKeySpecException failure) {
                throw new InvalidKeyException(failure.getMessage(), failure);
            }
        }
        throw new InvalidKeyException("this is no " + algorithm + " key of the Keyward service;"
            + " a KeyImportSpec takes one in");
    }

    private <T> T elsewhere(JdkFactories.Question<T> question) throws InvalidKeySpecException {
        T answer = JdkFactories.ask(algorithm, question);
        if (answer == null) {
            throw new InvalidKeySpecException("no other provider's " + algorithm
                + " key factory takes this");
        }
        return answer;
    }
}
