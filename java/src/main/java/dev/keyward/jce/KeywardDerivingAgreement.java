package dev.keyward.jce;

import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.NoSuchAlgorithmException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.spec.AlgorithmParameterSpec;
import javax.crypto.KeyAgreementSpi;
import javax.crypto.SecretKey;
import javax.crypto.ShortBufferException;

/**
 * Key agreements whose secret goes into a key derivation and comes out as a key of the service:
 * {@code generateSecret(algorithm)} is one request, and no bytes leave.
 */
final class KeywardDerivingAgreement extends KeyAgreementSpi {
    private final AlgorithmTable.NamedDerivation derivation;
    private DerivationSpec how;
    private PrivateKey key;
    private PublicKey peer;

    KeywardDerivingAgreement(AlgorithmTable.NamedDerivation derivation) {
        this.derivation = derivation;
    }

    @Override
    protected void engineInit(Key privateKey, SecureRandom random) throws InvalidKeyException {
        try {
            engineInit(privateKey, null, random);
        } catch (InvalidAlgorithmParameterException impossible) {
            throw new AssertionError(impossible);
        }
    }

    @Override
    protected void engineInit(Key privateKey, AlgorithmParameterSpec spec, SecureRandom random)
            throws InvalidKeyException, InvalidAlgorithmParameterException {
        key = KeywardKeyAgreement.checked(privateKey, AlgorithmTable.Agreement.ECDH);
        how = derivation(spec);
        peer = null;
    }

    private DerivationSpec derivation(AlgorithmParameterSpec spec)
            throws InvalidAlgorithmParameterException {
        DerivationSpec plain = DerivationSpec.of(derivation.function(), derivation.digest(),
            new byte[0], new byte[0]);
        if (spec == null) {
            return plain;
        }
        if (spec instanceof KeyAttributes attributes) {
            return plain.to(attributes);
        }
        if (spec instanceof DerivationSpec given && given.function() == derivation.function()
                && given.digest() == derivation.digest() && given.from() == null) {
            return given;
        }
        throw new InvalidAlgorithmParameterException(derivation.jca().get(0) + " takes"
            + " KeyAttributes, or a DerivationSpec of its own function and digest");
    }

    @Override
    protected Key engineDoPhase(Key other, boolean lastPhase) throws InvalidKeyException {
        if (key == null) {
            throw new IllegalStateException("not initialised");
        }
        if (peer != null || !lastPhase) {
            throw new IllegalStateException("this agreement is between two and has one phase");
        }
        KeyDerivation.encoded(other);
        peer = (PublicKey) other;
        return null;
    }

    @Override
    protected byte[] engineGenerateSecret() {
        throw new IllegalStateException("the secret stays in the service: generateSecret(\"AES\")"
            + " makes a key of it there");
    }

    @Override
    protected int engineGenerateSecret(byte[] out, int offset) throws ShortBufferException {
        return engineGenerateSecret().length;
    }

    @Override
    protected SecretKey engineGenerateSecret(String algorithm)
            throws NoSuchAlgorithmException, InvalidKeyException {
        if (peer == null) {
            throw new IllegalStateException("call doPhase first");
        }
        AlgorithmTable.SecretKind kind = SecretKeyImport.kindOf(algorithm);
        if (kind == null) {
            throw new NoSuchAlgorithmException("Keyward has no secret keys for " + algorithm);
        }
        DerivationSpec whole = how.from(key, peer);
        peer = null;
        return KeyDerivation.derive(whole, kind, kind.defaultBits);
    }
}
