package dev.keyward.jce;

import java.security.AlgorithmParameters;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.NoSuchAlgorithmException;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.interfaces.RSAKey;
import java.security.spec.AlgorithmParameterSpec;
import java.util.Locale;
import javax.crypto.BadPaddingException;
import javax.crypto.Cipher;
import javax.crypto.NoSuchPaddingException;
import javax.crypto.spec.OAEPParameterSpec;

/**
 * Ciphers that do nothing but wrap keys of the service and unwrap them into it: AES key wrap, and
 * RSA with AES behind it. Whatever is wrapped by an AES key is wrapped by one of the service; RSA
 * takes anybody's public key.
 */
final class KeywardWrapCipher extends ServiceCipher {
    private final AlgorithmTable.Wrapping wrapping;
    private OaepParameters padding;
    private OaepParameters oaep;
    private KeyAttributes attributes;
    private Key with;

    KeywardWrapCipher(AlgorithmTable.Wrapping wrapping) {
        this.wrapping = wrapping;
        if (wrapping.byRsa) {
            try {
                engineSetPadding(AlgorithmTable.Encryption.RSA_OAEP.jcaPadding);
            } catch (NoSuchPaddingException impossible) {
                throw new AssertionError(impossible);
            }
        }
    }

    @Override
    String transformation() {
        return wrapping.jca.get(0);
    }

    @Override
    Class<? extends AlgorithmParameterSpec> parametersClass() {
        return OAEPParameterSpec.class;
    }

    @Override
    protected void engineSetMode(String mode) throws NoSuchAlgorithmException {
        if (!wrapping.byRsa || !mode.toUpperCase(Locale.ROOT).equals("ECB")) {
            super.engineSetMode(mode);
        }
    }

    @Override
    protected void engineSetPadding(String name) throws NoSuchPaddingException {
        padding = wrapping.byRsa ? OaepParameters.ofPadding(name) : null;
        if (padding == null) {
            super.engineSetPadding(name);
        }
    }

    @Override
    protected int engineGetBlockSize() {
        return 0;
    }

    @Override
    protected int engineGetOutputSize(int length) {
        return 0;
    }

    @Override
    protected int engineGetKeySize(Key key) throws InvalidKeyException {
        if (key instanceof RSAKey rsa) {
            return rsa.getModulus().bitLength();
        }
        if (key instanceof KeywardSecretKey secret) {
            return secret.keyBits();
        }
        throw new InvalidKeyException("this is no key for " + transformation());
    }

    @Override
    protected AlgorithmParameters engineGetParameters() {
        return oaep == null ? null : oaep.encodable();
    }

    @Override
    void begin(int mode, Key key, AlgorithmParameterSpec spec, SecureRandom random)
            throws InvalidKeyException, InvalidAlgorithmParameterException {
        if (mode != Cipher.WRAP_MODE && mode != Cipher.UNWRAP_MODE) {
            throw new InvalidKeyException(transformation() + " wraps and unwraps keys");
        }
        check(mode, key);
        AlgorithmParameterSpec own = KeyWrapping.parameters(mode, spec);
        if (own != null && !wrapping.byRsa) {
            throw new InvalidAlgorithmParameterException(transformation() + " takes no "
                + own.getClass().getSimpleName());
        }
        oaep = own == null ? padding : OaepParameters.of(own);
        attributes = KeyWrapping.attributes(spec);
        with = key;
    }

    private void check(int mode, Key key) throws InvalidKeyException {
        if (wrapping.byRsa && mode == Cipher.WRAP_MODE) {
            if (key instanceof PublicKey && key instanceof RSAKey) {
                return;
            }
            throw new InvalidKeyException(transformation() + " wraps with RSA public keys");
        }
        if (key instanceof ServiceKey serviceKey && (wrapping.byRsa
                ? serviceKey.info().family() == AlgorithmTable.Family.RSA
                : serviceKey.info().secretKind() == AlgorithmTable.SecretKind.AES)) {
            serviceKey.demand(mode == Cipher.WRAP_MODE ? KeyRight.WRAP : KeyRight.UNWRAP);
            return;
        }
        throw new InvalidKeyException("the provider Keyward does " + transformation() + " with "
            + (wrapping.byRsa ? "RSA" : "AES") + " keys of the KeyStore \"Keyward\" only");
    }

    @Override
    protected byte[] engineWrap(Key key) throws InvalidKeyException {
        KeyWrapping way = new KeyWrapping(wrapping, oaep);
        return with instanceof ServiceKey own ? way.wrap(key, own)
            : way.wrap(key, (PublicKey) with);
    }

    @Override
    protected Key engineUnwrap(byte[] wrapped, String algorithm, int kind)
            throws InvalidKeyException, NoSuchAlgorithmException {
        return new KeyWrapping(wrapping, oaep).unwrap(wrapped, (ServiceKey) with, algorithm, kind,
            attributes);
    }

    @Override
    byte[] finish(byte[] rest) throws BadPaddingException {
        throw new IllegalStateException(transformation() + " wraps and unwraps keys");
    }
}
