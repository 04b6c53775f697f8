package dev.keyward.jce;

import java.io.ByteArrayOutputStream;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.NoSuchAlgorithmException;
import java.security.ProviderException;
import java.security.SecureRandom;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.InvalidParameterSpecException;
import java.util.Arrays;
import javax.crypto.AEADBadTagException;
import javax.crypto.BadPaddingException;
import javax.crypto.Cipher;
import javax.crypto.CipherSpi;
import javax.crypto.IllegalBlockSizeException;
import javax.crypto.NoSuchPaddingException;
import javax.crypto.ShortBufferException;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.IvParameterSpec;

/**
 * Encryption with AES keys of the service. The input is collected here, and {@code doFinal} is one
 * request; so {@code update} gives nothing out, and no plaintext before its tag was checked.
 *
 * <p>The initialisation vector of GCM is drawn by the service for each message and is to be had
 * from {@code getIV} after {@code doFinal}; so an object may encrypt one message after another.
 */
final class KeywardAesCipher extends CipherSpi {
    private static final int BLOCK_BYTES = 16;
    private static final int TAG_BYTES = 16;

    private final AlgorithmTable.SymmetricCipher cipher;
    private final ByteArrayOutputStream input = new ByteArrayOutputStream();
    private final ByteArrayOutputStream aad = new ByteArrayOutputStream();
    private ServiceSecretKey key;
    private boolean encrypts;
    private byte[] iv;
    private int tagBytes;

    KeywardAesCipher(AlgorithmTable.SymmetricCipher cipher) {
        this.cipher = cipher;
    }

    @Override
    protected void engineSetMode(String mode) throws NoSuchAlgorithmException {
        throw new NoSuchAlgorithmException("name the whole transformation, " + cipher.jca);
    }

    @Override
    protected void engineSetPadding(String padding) throws NoSuchPaddingException {
        throw new NoSuchPaddingException("name the whole transformation, " + cipher.jca);
    }

    @Override
    protected int engineGetBlockSize() {
        return BLOCK_BYTES;
    }

    @Override
    protected int engineGetOutputSize(int length) {
        int total = input.size() + length;
        if (!encrypts) {
            return total;
        }
        if (cipher.padded) {
            return (total / BLOCK_BYTES + 1) * BLOCK_BYTES;
        }
        return total + tagBytes;
    }

    @Override
    protected int engineGetKeySize(Key key) throws InvalidKeyException {
        return checked(key).keyBits();
    }

    @Override
    protected byte[] engineGetIV() {
        return iv == null ? null : iv.clone();
    }

    @Override
    protected AlgorithmParameters engineGetParameters() {
        if (iv == null) {
            return null;
        }
        try {
            AlgorithmParameters parameters =
                AlgorithmParameters.getInstance(cipher.authenticated ? "GCM" : "AES");
            parameters.init(cipher.authenticated
                ? new GCMParameterSpec(tagBytes * Byte.SIZE, iv) : new IvParameterSpec(iv));
            return parameters;
        } catch (GeneralSecurityException failure) {
            throw new ProviderException("this Java cannot encode the parameters of " + cipher.jca,
                failure);
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
        Class<? extends AlgorithmParameterSpec> kind =
            cipher.authenticated ? GCMParameterSpec.class : IvParameterSpec.class;
        try {
            engineInit(mode, key, parameters == null ? null : parameters.getParameterSpec(kind),
                random);
        } catch (InvalidParameterSpecException failure) {
            throw new InvalidAlgorithmParameterException("these are no parameters of "
                + cipher.jca, failure);
        }
    }

    @Override
    protected void engineInit(int mode, Key key, AlgorithmParameterSpec spec, SecureRandom random)
            throws InvalidKeyException, InvalidAlgorithmParameterException {
        ServiceSecretKey wanted = checked(key);
        if (mode != Cipher.ENCRYPT_MODE && mode != Cipher.DECRYPT_MODE) {
            throw new InvalidKeyException(cipher.jca + " of Keyward encrypts and decrypts");
        }
        boolean encrypt = mode == Cipher.ENCRYPT_MODE;
        wanted.demand(encrypt ? KeyRight.ENCRYPT : KeyRight.DECRYPT);
        takeParameters(spec, encrypt, random);
        encrypts = encrypt;
        this.key = wanted;
        forget();
    }

    private ServiceSecretKey checked(Key key) throws InvalidKeyException {
        if (key instanceof ServiceSecretKey secret
                && secret.info().secretKind() == AlgorithmTable.SecretKind.AES) {
            return secret;
        }
        throw new InvalidKeyException("the provider Keyward encrypts with AES keys of the KeyStore"
            + " \"Keyward\" only; name no provider to use other keys");
    }

    private void takeParameters(AlgorithmParameterSpec spec, boolean encrypt, SecureRandom random)
            throws InvalidAlgorithmParameterException {
        byte[] given = null;
        int tag = cipher.authenticated ? TAG_BYTES : 0;
        if (cipher.authenticated && spec instanceof GCMParameterSpec gcm) {
            given = gcm.getIV();
            tag = gcm.getTLen() / Byte.SIZE;
        } else if (!cipher.authenticated && spec instanceof IvParameterSpec vector) {
            given = vector.getIV();
        } else if (spec != null) {
            throw new InvalidAlgorithmParameterException(cipher.jca + " does not take " + spec);
        }
        if (encrypt && cipher.ownIv) {
            if (given != null && given.length != 0) {
                throw new InvalidAlgorithmParameterException("the service draws the initialisation"
                    + " vector: give none (or an empty one, for another size of tag), and call"
                    + " getIV after doFinal");
            }
            given = null;
        } else if (encrypt && given == null && cipher.ivBytes > 0) {
            given = new byte[cipher.ivBytes];
            (random != null ? random : new SecureRandom()).nextBytes(given);
        } else if (cipher.ivBytes != (given == null ? 0 : given.length)) {
            throw new InvalidAlgorithmParameterException(cipher.jca
                + " takes an initialisation vector of " + cipher.ivBytes + " bytes");
        }
        iv = given;
        tagBytes = tag;
    }

    @Override
    protected void engineUpdateAAD(byte[] bytes, int offset, int length) {
        if (!cipher.authenticated) {
            throw new UnsupportedOperationException(cipher.jca + " authenticates nothing");
        }
        if (input.size() > 0) {
            throw new IllegalStateException("what is authenticated comes before the message");
        }
        aad.write(bytes, offset, length);
    }

    @Override
    protected void engineUpdateAAD(java.nio.ByteBuffer source) {
        byte[] bytes = new byte[source.remaining()];
        source.get(bytes);
        engineUpdateAAD(bytes, 0, bytes.length);
    }

    @Override
    protected byte[] engineUpdate(byte[] bytes, int offset, int length) {
        input.write(bytes, offset, length);
        return new byte[0];
    }

    @Override
    protected int engineUpdate(byte[] bytes, int offset, int length, byte[] output,
            int outputOffset) {
        input.write(bytes, offset, length);
        return 0;
    }

    @Override
    protected byte[] engineDoFinal(byte[] bytes, int offset, int length)
            throws IllegalBlockSizeException, BadPaddingException {
        if (bytes != null) {
            input.write(bytes, offset, length);
        }
        byte[] message = input.toByteArray();
        byte[] authenticated = aad.toByteArray();
        forget();
        boolean wholeBlocks = cipher.wholeBlocks || !encrypts && cipher.padded;
        if (wholeBlocks && message.length % BLOCK_BYTES != 0) {
            throw new IllegalBlockSizeException(message.length + " bytes are no number of blocks");
        }
        try {
            return encrypts ? encipher(authenticated, message)
                : key.client().decipher(key.info(), cipher, iv, authenticated, tagBytes, message);
        } catch (KeywardException failure) {
            if (!encrypts && failure.kind() == ErrorKind.INVALID_ARGUMENT) {
                throw badCiphertext(failure);
            }
            throw Failures.provider(failure);
        }
    }

    private byte[] encipher(byte[] authenticated, byte[] message) throws KeywardException {
        byte[] answer = key.client().encipher(key.info(), cipher, cipher.ownIv ? null : iv,
            authenticated, tagBytes, message);
        if (cipher.ownIv) {
            iv = Arrays.copyOf(answer, cipher.ivBytes);
        }
        return Arrays.copyOfRange(answer, cipher.ivBytes, answer.length);
    }

    private BadPaddingException badCiphertext(KeywardException failure) {
        BadPaddingException exception = cipher.authenticated
            ? new AEADBadTagException(failure.getMessage())
            : new BadPaddingException(failure.getMessage());
        exception.initCause(failure);
        return exception;
    }

    @Override
    protected int engineDoFinal(byte[] bytes, int offset, int length, byte[] output,
            int outputOffset)
            throws ShortBufferException, IllegalBlockSizeException, BadPaddingException {
        // Asked before the request, so that the caller can try again with a larger array.
        int needed = engineGetOutputSize(length);
        if (encrypts && needed > output.length - outputOffset) {
            throw new ShortBufferException(needed + " bytes are needed");
        }
        byte[] result = engineDoFinal(bytes, offset, length);
        try {
            if (result.length > output.length - outputOffset) {
                throw new ShortBufferException(result.length + " bytes are needed");
            }
            System.arraycopy(result, 0, output, outputOffset, result.length);
            return result.length;
        } finally {
            Arrays.fill(result, (byte) 0);
        }
    }

    private void forget() {
        input.reset();
        aad.reset();
    }
}
