package dev.keyward.jce;

import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.NoSuchAlgorithmException;
import java.security.PublicKey;
import java.security.spec.AlgorithmParameterSpec;
import javax.crypto.Cipher;

/**
 * How keys leave and enter the service encrypted, for the ciphers.
 *
 * @param wrapping the way
 * @param oaep its choices where it has an RSA key; else null
 */
record KeyWrapping(AlgorithmTable.Wrapping wrapping, OaepParameters oaep) {

    /** Gives a key out, encrypted with another one of the service. */
    byte[] wrap(Key key, ServiceKey with) throws InvalidKeyException {
        ServiceKey leaving = ours(key);
        try {
            return leaving.client().wrap(leaving.info(), this, with.info().id(), null);
        } catch (KeywardException failure) {
            throw Failures.keyOrInput(failure);
        }
    }

    /** Gives a key out, encrypted to a public key that may be anybody's. */
    byte[] wrap(Key key, PublicKey to) throws InvalidKeyException {
        ServiceKey leaving = ours(key);
        if (!"X.509".equals(to.getFormat())) {
            throw new InvalidKeyException("the public key has no encoding");
        }
        try {
            return leaving.client().wrap(leaving.info(), this, null, to.getEncoded());
        } catch (KeywardException failure) {
            throw Failures.keyOrInput(failure);
        }
    }

    private static ServiceKey ours(Key key) throws InvalidKeyException {
        if (key instanceof ServiceKey serviceKey) {
            return serviceKey;
        }
        throw new InvalidKeyException("a key of the service wraps keys of the service: import this"
            + " one first, or encrypt it as data");
    }

    /** Takes in a key that was encrypted with one of the service. */
    Key unwrap(byte[] wrapped, ServiceKey with, String algorithm, int kind,
            KeyAttributes attributes) throws InvalidKeyException, NoSuchAlgorithmException {
        String type = switch (kind) {
            case Cipher.SECRET_KEY -> typeOfSecret(algorithm, attributes);
            case Cipher.PRIVATE_KEY -> "";
            default -> throw new InvalidKeyException("secret and private keys are unwrapped");
        };
        ServiceKey key;
        try {
            key = ServiceKey.of(with.client(),
                with.client().unwrap(with.info(), this, wrapped, attributes, type));
        } catch (KeywardException failure) {
            throw Failures.keyOrInput(failure);
        }
        if (kind == Cipher.PRIVATE_KEY && !KeyImport.isOf(key.info().family(), algorithm)
                && !key.getAlgorithm().equalsIgnoreCase(algorithm)) {
            deleteAgain(key);
            throw new InvalidKeyException("what was unwrapped is no " + algorithm + " key, but of"
                + " type " + key.info().type());
        }
        return key;
    }

    /** Bare kinds take any size. */
    private static String typeOfSecret(String algorithm, KeyAttributes attributes)
            throws NoSuchAlgorithmException {
        AlgorithmTable.SecretKind kind = SecretKeyImport.kindOf(algorithm);
        if (kind == null) {
            throw new NoSuchAlgorithmException("Keyward has no secret keys for " + algorithm);
        }
        return attributes.type() != null ? attributes.type() : kind.keyward;
    }

    private static void deleteAgain(ServiceKey key) {
        try {
            key.deleteFromService();
        } catch (KeywardException failure) {
            throw Failures.provider(failure);
        }
    }

    /** What a key that is unwrapped is to be: parameters may say it. */
    static KeyAttributes attributes(AlgorithmParameterSpec spec) {
        if (spec instanceof UnwrapSpec both) {
            return both.attributes();
        }
        return spec instanceof KeyAttributes attributes
            ? attributes : KeyAttributes.named(MakingKeys.unnamed());
    }

    /** The cipher's own parameters. */
    static AlgorithmParameterSpec parameters(int mode, AlgorithmParameterSpec spec)
            throws InvalidAlgorithmParameterException {
        if (!isForUnwrapping(spec)) {
            return spec;
        }
        if (mode != Cipher.UNWRAP_MODE) {
            throw new InvalidAlgorithmParameterException("KeyAttributes are for unwrapping");
        }
        return spec instanceof UnwrapSpec both ? both.parameters() : null;
    }

    /** Whether the parameters say what an unwrapped key is to be. */
    static boolean isForUnwrapping(AlgorithmParameterSpec spec) {
        return spec instanceof KeyAttributes || spec instanceof UnwrapSpec;
    }
}
