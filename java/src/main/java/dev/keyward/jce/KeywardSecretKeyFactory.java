package dev.keyward.jce;

import java.security.InvalidKeyException;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.KeySpec;
import javax.crypto.SecretKey;
import javax.crypto.SecretKeyFactorySpi;

/**
 * Takes secret keys into the service, by {@link SecretKeyImportSpec}, and makes them there from
 * others, by {@link DerivationSpec}. Nothing less will do: bare bytes have no name, and whoever makes
 * a key of them does not expect it to travel.
 */
final class KeywardSecretKeyFactory extends SecretKeyFactorySpi {
    private final ServiceClient client;
    private final AlgorithmTable.SecretKind kind;

    KeywardSecretKeyFactory(ServiceClient client, AlgorithmTable.SecretKind kind) {
        this.client = client;
        this.kind = kind;
    }

    @Override
    protected SecretKey engineGenerateSecret(KeySpec spec) throws InvalidKeySpecException {
        try {
            if (spec instanceof DerivationSpec derivation) {
                return KeyDerivation.derive(derivation, kind, kind.defaultBits);
            }
            if (!(spec instanceof SecretKeyImportSpec wanted)) {
                throw new InvalidKeySpecException("Keyward takes a secret key in by a"
                    + " SecretKeyImportSpec, which says what it will be called; a SecretKeySpec is"
                    + " a key of this process");
            }
            return ServiceSecretKey.of(client, SecretKeyImport.into(client, kind, wanted));
        } catch (InvalidKeyException | KeywardException failure) {
            throw new InvalidKeySpecException(failure.getMessage(), failure);
        }
    }

    @Override
    protected KeySpec engineGetKeySpec(SecretKey key, Class<?> spec)
            throws InvalidKeySpecException {
        throw new InvalidKeySpecException("the key stays in the service");
    }

    @Override
    protected SecretKey engineTranslateKey(SecretKey key) throws InvalidKeyException {
        if (key instanceof ServiceSecretKey serviceKey && serviceKey.info().secretKind() == kind) {
            return key;
        }
        throw new InvalidKeyException("this is no " + kind.jca + " key of the Keyward service;"
            + " a SecretKeyImportSpec takes one in");
    }
}
