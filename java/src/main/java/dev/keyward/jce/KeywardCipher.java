package dev.keyward.jce;

import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.KeyFactory;
import java.security.NoSuchAlgorithmException;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.interfaces.RSAKey;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import javax.crypto.BadPaddingException;
import javax.crypto.Cipher;
import javax.crypto.IllegalBlockSizeException;
import javax.crypto.NoSuchPaddingException;
import javax.crypto.ShortBufferException;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * RSA decryption and unwrapping with keys of the service. Encryption needs only a public key and is
 * handed to the JDK's providers.
 */
final class KeywardCipher extends ServiceCipher {
    /** Names of paddings as {@code Cipher} wants them for its delayed choice of a provider. */
    static final String PADDINGS = "NOPADDING|PKCS1PADDING|" + OaepParameters.PADDINGS;

    private static final String TLS_PREMASTER_SPEC = "TlsRsaPremasterSecretParameterSpec";

    private AlgorithmTable.Encryption scheme = AlgorithmTable.Encryption.RSA_PKCS1;
    private String padding = scheme.jcaPadding;
    /** What the name of the padding stands for; null where it is not OAEP. */
    private OaepParameters named;
    private OaepParameters oaep;
    private ServiceKey key;
    /** What the key unwraps comes into the service; null if it comes out. */
    private KeyAttributes attributes;
    private PublicKey publicKey;
    private Cipher delegate;

    @Override
    String transformation() {
        return "RSA/ECB/" + padding;
    }

    @Override
    Class<? extends AlgorithmParameterSpec> parametersClass() {
        return OAEPParameterSpec.class;
    }

    @Override
    protected void engineSetMode(String mode) throws NoSuchAlgorithmException {
        if (!mode.equalsIgnoreCase("ECB")) {
            throw new NoSuchAlgorithmException("RSA has no mode " + mode);
        }
    }

    @Override
    protected void engineSetPadding(String name) throws NoSuchPaddingException {
        named = OaepParameters.ofPadding(name);
        scheme = named != null ? AlgorithmTable.Encryption.RSA_OAEP : schemeOf(name);
        padding = name;
    }

    private static AlgorithmTable.Encryption schemeOf(String padding)
            throws NoSuchPaddingException {
        for (AlgorithmTable.Encryption encryption : AlgorithmTable.Encryption.values()) {
            if (encryption.jcaPadding.equalsIgnoreCase(padding)) {
                return encryption;
            }
        }
        throw new NoSuchPaddingException("Keyward does not know the padding " + padding);
    }

    @Override
    protected int engineGetBlockSize() {
        return 0;
    }

    @Override
    protected int engineGetOutputSize(int inputLength) {
        return delegate != null ? delegate.getOutputSize(inputLength) : modulusBytes();
    }

    @Override
    protected int engineGetKeySize(Key key) throws InvalidKeyException {
        if (key instanceof RSAKey rsa) {
            return rsa.getModulus().bitLength();
        }
        throw new InvalidKeyException("this is no RSA key");
    }

    @Override
    protected AlgorithmParameters engineGetParameters() {
        if (delegate != null) {
            return delegate.getParameters();
        }
        return oaep == null ? null : oaep.encodable();
    }

    @Override
    void begin(int mode, Key key, AlgorithmParameterSpec spec, SecureRandom random)
            throws InvalidKeyException, InvalidAlgorithmParameterException {
        if (key instanceof PublicKey given) {
            initDelegate(mode, given, spec, random);
            return;
        }
        if (!(key instanceof ServiceKey serviceKey)
                || serviceKey.info().family() != AlgorithmTable.Family.RSA) {
            throw new InvalidKeyException("the provider Keyward decrypts with RSA keys of the"
                + " KeyStore \"Keyward\" only; name no provider to use other keys");
        }
        if (mode != Cipher.DECRYPT_MODE && mode != Cipher.UNWRAP_MODE) {
            throw new InvalidKeyException("a private key of Keyward decrypts and unwraps;"
                + " sign with a Signature, NONEwithRSA for a digest that is already made");
        }
        if (spec != null && spec.getClass().getSimpleName().equals(TLS_PREMASTER_SPEC)) {
            // JSSE's own, not to be read from here. At this exception JSSE goes on with a plain
            // decryption and does the check of the TLS version itself.
            throw new UnsupportedOperationException("TLS premaster secrets are only decrypted");
        }
        boolean intoService = mode == Cipher.UNWRAP_MODE && unwrapsInside(serviceKey, spec);
        serviceKey.demand(intoService ? KeyRight.UNWRAP : scheme.right);
        AlgorithmParameterSpec own = KeyWrapping.parameters(mode, spec);
        if (own != null && scheme != AlgorithmTable.Encryption.RSA_OAEP) {
            throw new InvalidAlgorithmParameterException(padding + " does not take " + own);
        }
        this.oaep = own == null ? named : OaepParameters.of(own);
        this.attributes = intoService ? KeyWrapping.attributes(spec) : null;
        this.key = serviceKey;
        this.delegate = null;
    }

    /** Keys that were born to unwrap do it inside; those that decrypt give the plain key out. */
    private boolean unwrapsInside(ServiceKey key, AlgorithmParameterSpec spec) {
        return scheme == AlgorithmTable.Encryption.RSA_OAEP
            && (KeyWrapping.isForUnwrapping(spec) || key.info().uses().contains(KeyRight.UNWRAP));
    }

    private void initDelegate(int mode, PublicKey publicKey, AlgorithmParameterSpec spec,
            SecureRandom random) throws InvalidKeyException, InvalidAlgorithmParameterException {
        try {
            Cipher cipher = Cipher.getInstance(transformation());
            cipher.init(mode, publicKey, spec, random);
            oaep = spec == null || named == null ? named : OaepParameters.of(spec);
            delegate = cipher;
            this.publicKey = publicKey;
            key = null;
        } catch (NoSuchAlgorithmException | NoSuchPaddingException failure) {
            throw new InvalidKeyException("no other provider has " + transformation(), failure);
        }
    }

    @Override
    protected byte[] engineUpdate(byte[] input, int offset, int length) {
        if (delegate != null) {
            return delegate.update(input, offset, length);
        }
        return super.engineUpdate(input, offset, length);
    }

    @Override
    protected int engineUpdate(byte[] input, int offset, int length, byte[] output,
            int outputOffset) throws ShortBufferException {
        if (delegate != null) {
            return delegate.update(input, offset, length, output, outputOffset);
        }
        return super.engineUpdate(input, offset, length, output, outputOffset);
    }

    @Override
    protected byte[] engineDoFinal(byte[] input, int offset, int length)
            throws IllegalBlockSizeException, BadPaddingException {
        if (delegate != null) {
            return input == null ? delegate.doFinal() : delegate.doFinal(input, offset, length);
        }
        return super.engineDoFinal(input, offset, length);
    }

    @Override
    protected int engineDoFinal(byte[] input, int offset, int length, byte[] output,
            int outputOffset)
            throws ShortBufferException, IllegalBlockSizeException, BadPaddingException {
        if (delegate != null) {
            return delegate.doFinal(input, offset, length, output, outputOffset);
        }
        return super.engineDoFinal(input, offset, length, output, outputOffset);
    }

    @Override
    byte[] finish(byte[] ciphertext) throws IllegalBlockSizeException, BadPaddingException {
        if (ciphertext.length > modulusBytes()) {
            throw new IllegalBlockSizeException("the key decrypts " + modulusBytes()
                + " bytes at a time, not " + ciphertext.length);
        }
        try {
            return key.client().decrypt(key.info(), scheme, oaep, ciphertext);
        } catch (KeywardException failure) {
            if (failure.kind() == ErrorKind.INVALID_ARGUMENT) {
                throw caused(new BadPaddingException(failure.getMessage()), failure);
            }
            throw Failures.provider(failure);
        }
    }

    @Override
    protected byte[] engineWrap(Key leaving)
            throws IllegalBlockSizeException, InvalidKeyException {
        if (leaving instanceof ServiceKey && scheme == AlgorithmTable.Encryption.RSA_OAEP) {
            return wrapping().wrap(leaving, publicKey);
        }
        return delegate.wrap(leaving);
    }

    @Override
    protected Key engineUnwrap(byte[] wrapped, String algorithm, int type)
            throws InvalidKeyException, NoSuchAlgorithmException {
        if (delegate != null) {
            return delegate.unwrap(wrapped, algorithm, type);
        }
        if (attributes != null) {
            return wrapping().unwrap(wrapped, key, algorithm, type, attributes);
        }
        byte[] encoded;
        try {
            encoded = engineDoFinal(wrapped, 0, wrapped.length);
        } catch (GeneralSecurityException failure) {
            throw new InvalidKeyException("the key cannot be unwrapped", failure);
        }
        try {
            return unwrapped(encoded, algorithm, type);
        } catch (GeneralSecurityException | IllegalArgumentException failure) {
            throw new InvalidKeyException("what was unwrapped is no " + algorithm + " key",
                failure);
        } finally {
            Arrays.fill(encoded, (byte) 0);
        }
    }

    private static Key unwrapped(byte[] encoded, String algorithm, int type)
            throws GeneralSecurityException {
        return switch (type) {
            case Cipher.SECRET_KEY -> new SecretKeySpec(encoded, algorithm);
            case Cipher.PRIVATE_KEY ->
                KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(encoded));
            case Cipher.PUBLIC_KEY ->
                KeyFactory.getInstance(algorithm).generatePublic(new X509EncodedKeySpec(encoded));
            default -> throw new InvalidKeyException("type " + type + " of key is not known");
        };
    }

    private KeyWrapping wrapping() {
        return new KeyWrapping(AlgorithmTable.Wrapping.RSA_OAEP, oaep);
    }

    private int modulusBytes() {
        return key == null ? 0 : (((RSAKey) key).getModulus().bitLength() + 7) / 8;
    }
}
