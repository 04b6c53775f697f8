package dev.keyward.jce;

import java.io.ByteArrayOutputStream;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.NoSuchAlgorithmException;
import java.security.spec.AlgorithmParameterSpec;
import javax.crypto.KDFParameters;
import javax.crypto.KDFSpi;
import javax.crypto.SecretKey;
import javax.crypto.spec.HKDFParameterSpec;

/**
 * Key derivation from keys of the service, whose result is a key of the service, or bytes where an
 * exportable key gives them. It takes HKDF's extract and expand at once, in the JDK's form or for
 * keys as a {@link DerivationSpec}; what begins with a key of this process is other providers' part,
 * and the JDK goes on to them.
 */
final class KeywardKdf extends KDFSpi {
    private final AlgorithmTable.NamedDerivation derivation;

    private KeywardKdf(AlgorithmTable.NamedDerivation derivation)
            throws InvalidAlgorithmParameterException {
        super(null);
        this.derivation = derivation;
    }

    static KeywardKdf of(AlgorithmTable.NamedDerivation derivation) {
        try {
            return new KeywardKdf(derivation);
        } catch (InvalidAlgorithmParameterException impossible) {
            throw new AssertionError(impossible);
        }
    }

    @Override
    protected KDFParameters engineGetParameters() {
        return null;
    }

    @Override
    protected SecretKey engineDeriveKey(String algorithm, AlgorithmParameterSpec spec)
            throws InvalidAlgorithmParameterException, NoSuchAlgorithmException {
        AlgorithmTable.SecretKind kind = SecretKeyImport.kindOf(algorithm);
        if (kind == null) {
            throw new NoSuchAlgorithmException("Keyward has no secret keys for " + algorithm);
        }
        int bits = kind.defaultBits;
        DerivationSpec how;
        if (spec instanceof HKDFParameterSpec.ExtractThenExpand hkdf) {
            how = derivation(hkdf);
            bits = Byte.SIZE * hkdf.length();
        } else if (spec instanceof DerivationSpec given
                && given.function() == derivation.function()
                && given.digest() == derivation.digest()) {
            how = given;
        } else {
            throw new InvalidAlgorithmParameterException(derivation.jca().get(0) + " of Keyward"
                + " takes HKDFParameterSpec.ExtractThenExpand, or a DerivationSpec of its own"
                + " function and digest");
        }
        try {
            return KeyDerivation.derive(how, kind, bits);
        } catch (InvalidKeyException failure) {
            throw new InvalidAlgorithmParameterException(failure.getMessage(), failure);
        }
    }

    private DerivationSpec derivation(HKDFParameterSpec.ExtractThenExpand hkdf)
            throws InvalidAlgorithmParameterException {
        if (hkdf.ikms().size() != 1) {
            throw new InvalidAlgorithmParameterException("Keyward derives from one key, not from "
                + hkdf.ikms().size());
        }
        ByteArrayOutputStream salt = new ByteArrayOutputStream();
        for (SecretKey part : hkdf.salts()) {
            byte[] encoded = part.getEncoded();
            if (encoded == null) {
                throw new InvalidAlgorithmParameterException("a salt must give out its bytes");
            }
            salt.writeBytes(encoded);
        }
        byte[] info = hkdf.info();
        return DerivationSpec.of(derivation.function(), derivation.digest(), salt.toByteArray(),
            info == null ? new byte[0] : info).from(hkdf.ikms().get(0));
    }

    @Override
    protected byte[] engineDeriveData(AlgorithmParameterSpec spec)
            throws InvalidAlgorithmParameterException {
        if (!(spec instanceof HKDFParameterSpec.ExtractThenExpand hkdf)) {
            throw new InvalidAlgorithmParameterException(derivation.jca().get(0) + " of Keyward"
                + " takes HKDFParameterSpec.ExtractThenExpand to derive bytes");
        }
        try {
            return KeyDerivation.data(derivation(hkdf), hkdf.length());
        } catch (InvalidKeyException failure) {
            throw new InvalidAlgorithmParameterException(failure.getMessage(), failure);
        }
    }
}
