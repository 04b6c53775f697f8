package dev.keyward.jce;

import java.io.ByteArrayOutputStream;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.KeyFactory;
import java.security.NoSuchAlgorithmException;
import java.security.ProviderException;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.interfaces.RSAKey;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.InvalidParameterSpecException;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import java.util.Locale;
import javax.crypto.BadPaddingException;
import javax.crypto.Cipher;
import javax.crypto.CipherSpi;
import javax.crypto.IllegalBlockSizeException;
import javax.crypto.NoSuchPaddingException;
import javax.crypto.ShortBufferException;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import javax.crypto.spec.SecretKeySpec;

/**
 * RSA decryption and unwrapping with keys of the service. Encryption needs only a public key and is
 * handed to the JDK's providers.
 */
final class KeywardCipher extends CipherSpi {
    /** Names of paddings as {@code Cipher} wants them for its delayed choice of a provider. */
    static final String PADDINGS = "NOPADDING|PKCS1PADDING|OAEPPADDING|OAEPWITH.*PADDING";

    private static final String TLS_PREMASTER_SPEC = "TlsRsaPremasterSecretParameterSpec";

    private AlgorithmTable.Encryption scheme = AlgorithmTable.Encryption.RSA_PKCS1;
    private String padding = scheme.jcaPadding;
    private OAEPParameterSpec oaep;
    private OAEPParameterSpec chosenOaep;
    private ServiceKey key;
    private Cipher delegate;
    private final ByteArrayOutputStream buffer = new ByteArrayOutputStream();

    @Override
    protected void engineSetMode(String mode) throws NoSuchAlgorithmException {
        if (!mode.equalsIgnoreCase("ECB")) {
            throw new NoSuchAlgorithmException("RSA has no mode " + mode);
        }
    }

    @Override
    protected void engineSetPadding(String name) throws NoSuchPaddingException {
        String upper = name.toUpperCase(Locale.ROOT);
        String with = "OAEPWITH";
        String and = "ANDMGF1PADDING";
        if (upper.startsWith(with) && upper.endsWith(and)) {
            try {
                String digest = upper.substring(with.length(), upper.length() - and.length());
                // The JDK's meaning of these names: MGF1 keeps SHA-1 unless parameters say more.
                oaep = new OAEPParameterSpec(Digests.named(digest).jca, "MGF1",
                    MGF1ParameterSpec.SHA1, PSource.PSpecified.DEFAULT);
            } catch (InvalidAlgorithmParameterException unknown) {
                throw new NoSuchPaddingException(unknown.getMessage());
            }
            scheme = AlgorithmTable.Encryption.RSA_OAEP;
        } else {
            scheme = schemeOf(name);
            oaep = scheme == AlgorithmTable.Encryption.RSA_OAEP ? OAEPParameterSpec.DEFAULT : null;
        }
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
    protected byte[] engineGetIV() {
        return null;
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
        if (chosenOaep == null) {
            return delegate == null ? null : delegate.getParameters();
        }
        try {
            AlgorithmParameters parameters = AlgorithmParameters.getInstance("OAEP");
            parameters.init(chosenOaep);
            return parameters;
        } catch (GeneralSecurityException failure) {
            throw new ProviderException("this Java cannot encode OAEP parameters", failure);
        }
    }

    @Override
    protected void engineInit(int mode, Key key, SecureRandom random) throws InvalidKeyException {
        try {
            engineInit(mode, key, (AlgorithmParameterSpec) null, random);
        } catch (InvalidAlgorithmParameterException failure) {
            throw new InvalidKeyException(failure.getMessage(), failure);
        }
    }

    @Override
    protected void engineInit(int mode, Key key, AlgorithmParameters parameters,
            SecureRandom random) throws InvalidKeyException, InvalidAlgorithmParameterException {
        try {
            engineInit(mode, key, parameters == null ? null
                : parameters.getParameterSpec(OAEPParameterSpec.class), random);
        } catch (InvalidParameterSpecException failure) {
            throw new InvalidAlgorithmParameterException("these are no OAEP parameters", failure);
        }
    }

    @Override
    protected void engineInit(int mode, Key key, AlgorithmParameterSpec spec, SecureRandom random)
            throws InvalidKeyException, InvalidAlgorithmParameterException {
        buffer.reset();
        if (key instanceof PublicKey) {
            initDelegate(mode, key, spec, random);
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
        serviceKey.demand(scheme.right);
        this.chosenOaep = oaepParameters(spec);
        this.key = serviceKey;
        this.delegate = null;
    }

    private OAEPParameterSpec oaepParameters(AlgorithmParameterSpec spec)
            throws InvalidAlgorithmParameterException {
        if (spec == null) {
            return oaep;
        }
        if (scheme != AlgorithmTable.Encryption.RSA_OAEP
                || !(spec instanceof OAEPParameterSpec wanted)) {
            throw new InvalidAlgorithmParameterException(padding + " does not take " + spec);
        }
        // Refused now, rather than at the end of a long message.
        Digests.named(wanted.getDigestAlgorithm());
        mgf1(wanted);
        if (!(wanted.getPSource() instanceof PSource.PSpecified)) {
            throw new InvalidAlgorithmParameterException("the label must be given as PSpecified");
        }
        return wanted;
    }

    private static AlgorithmTable.Digest mgf1(OAEPParameterSpec oaep)
            throws InvalidAlgorithmParameterException {
        if (oaep.getMGFParameters() instanceof MGF1ParameterSpec mgf1) {
            return Digests.named(mgf1.getDigestAlgorithm());
        }
        throw new InvalidAlgorithmParameterException("OAEP takes MGF1 with its parameters");
    }

    private void initDelegate(int mode, Key publicKey, AlgorithmParameterSpec spec,
            SecureRandom random) throws InvalidKeyException, InvalidAlgorithmParameterException {
        try {
            Cipher cipher = Cipher.getInstance("RSA/ECB/" + padding);
            cipher.init(mode, publicKey, spec, random);
            delegate = cipher;
            key = null;
            chosenOaep = null;
        } catch (NoSuchAlgorithmException | NoSuchPaddingException failure) {
            throw new InvalidKeyException("no other provider has RSA/ECB/" + padding, failure);
        }
    }

    @Override
    protected byte[] engineUpdate(byte[] input, int offset, int length) {
        if (delegate != null) {
            return delegate.update(input, offset, length);
        }
        buffer.write(input, offset, length);
        return new byte[0];
    }

    @Override
    protected int engineUpdate(byte[] input, int offset, int length, byte[] output,
            int outputOffset) throws ShortBufferException {
        if (delegate != null) {
            return delegate.update(input, offset, length, output, outputOffset);
        }
        buffer.write(input, offset, length);
        return 0;
    }

    @Override
    protected byte[] engineDoFinal(byte[] input, int offset, int length)
            throws IllegalBlockSizeException, BadPaddingException {
        if (delegate != null) {
            return input == null ? delegate.doFinal() : delegate.doFinal(input, offset, length);
        }
        if (input != null) {
            buffer.write(input, offset, length);
        }
        byte[] ciphertext = buffer.toByteArray();
        buffer.reset();
        if (ciphertext.length > modulusBytes()) {
            throw new IllegalBlockSizeException("the key decrypts " + modulusBytes()
                + " bytes at a time, not " + ciphertext.length);
        }
        return decrypt(ciphertext);
    }

    @Override
    protected int engineDoFinal(byte[] input, int offset, int length, byte[] output,
            int outputOffset)
            throws ShortBufferException, IllegalBlockSizeException, BadPaddingException {
        if (delegate != null) {
            return delegate.doFinal(input, offset, length, output, outputOffset);
        }
        byte[] plaintext = engineDoFinal(input, offset, length);
        try {
            if (plaintext.length > output.length - outputOffset) {
                throw new ShortBufferException(plaintext.length + " bytes are needed");
            }
            System.arraycopy(plaintext, 0, output, outputOffset, plaintext.length);
            return plaintext.length;
        } finally {
            Arrays.fill(plaintext, (byte) 0);
        }
    }

    @Override
    protected byte[] engineWrap(Key secret) throws IllegalBlockSizeException, InvalidKeyException {
        return delegate.wrap(secret);
    }

    @Override
    protected Key engineUnwrap(byte[] wrapped, String algorithm, int type)
            throws InvalidKeyException, NoSuchAlgorithmException {
        if (delegate != null) {
            return delegate.unwrap(wrapped, algorithm, type);
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

    private byte[] decrypt(byte[] ciphertext) throws BadPaddingException {
        try {
            if (chosenOaep == null) {
                return key.client().decrypt(key.info(), scheme, null, null, null, ciphertext);
            }
            byte[] label = ((PSource.PSpecified) chosenOaep.getPSource()).getValue();
            return key.client().decrypt(key.info(), scheme,
                Digests.named(chosenOaep.getDigestAlgorithm()), mgf1(chosenOaep), label,
                ciphertext);
        } catch (KeywardException failure) {
            if (failure.kind() == ErrorKind.INVALID_ARGUMENT) {
                BadPaddingException exception = new BadPaddingException(failure.getMessage());
                exception.initCause(failure);
                throw exception;
            }
            throw Failures.provider(failure);
        } catch (InvalidAlgorithmParameterException impossible) {
            throw new AssertionError(impossible);
        }
    }

    private int modulusBytes() {
        return key == null ? 0 : (((RSAKey) key).getModulus().bitLength() + 7) / 8;
    }
}
