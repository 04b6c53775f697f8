package dev.keyward.jce;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.security.AlgorithmParameters;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.InvalidParameterSpecException;
import java.util.Arrays;
import javax.crypto.BadPaddingException;
import javax.crypto.CipherSpi;
import javax.crypto.IllegalBlockSizeException;
import javax.crypto.NoSuchPaddingException;
import javax.crypto.ShortBufferException;

/** What the ciphers have in common: the input is collected, and {@code doFinal} is a request. */
abstract class ServiceCipher extends CipherSpi {
    static final byte[] NOTHING = {};

    private final ByteArrayOutputStream input = new ByteArrayOutputStream();

    /** What callers name it by. */
    abstract String transformation();

    /** Which parameters are to be read from {@code AlgorithmParameters}. */
    abstract Class<? extends AlgorithmParameterSpec> parametersClass();

    /** Begins anew; the input is empty. */
    abstract void begin(int mode, Key key, AlgorithmParameterSpec spec, SecureRandom random)
        throws InvalidKeyException, InvalidAlgorithmParameterException;

    /** What can be given out before the input ends; takes it out of what was collected. */
    byte[] advance(ByteArrayOutputStream collected) {
        return NOTHING;
    }

    /** How long {@link #advance} would make the output if so much more came. */
    int advanced(int collected) {
        return 0;
    }

    /** The rest of the output, for the rest of the input. */
    abstract byte[] finish(byte[] rest) throws IllegalBlockSizeException, BadPaddingException;

    /** How long the rest of the output is at least, as far as is known before the request. */
    int leastFinal(int length) {
        return 0;
    }

    /** How much was collected. */
    final int collected() {
        return input.size();
    }

    @Override
    protected void engineSetMode(String mode) throws NoSuchAlgorithmException {
        throw new NoSuchAlgorithmException("name the whole transformation, " + transformation());
    }

    @Override
    protected void engineSetPadding(String padding) throws NoSuchPaddingException {
        throw new NoSuchPaddingException("name the whole transformation, " + transformation());
    }

    @Override
    protected byte[] engineGetIV() {
        return null;
    }

    @Override
    protected final void engineInit(int mode, Key key, SecureRandom random)
            throws InvalidKeyException {
        try {
            engineInit(mode, key, (AlgorithmParameterSpec) null, random);
        } catch (InvalidAlgorithmParameterException failure) {
            throw new InvalidKeyException(failure.getMessage(), failure);
        }
    }

    @Override
    protected final void engineInit(int mode, Key key, AlgorithmParameters parameters,
            SecureRandom random) throws InvalidKeyException, InvalidAlgorithmParameterException {
        try {
            engineInit(mode, key, parameters == null ? null
                : parameters.getParameterSpec(parametersClass()), random);
        } catch (InvalidParameterSpecException failure) {
            throw new InvalidAlgorithmParameterException("these are no parameters of "
                + transformation(), failure);
        }
    }

    @Override
    protected final void engineInit(int mode, Key key, AlgorithmParameterSpec spec,
            SecureRandom random) throws InvalidKeyException, InvalidAlgorithmParameterException {
        input.reset();
        begin(mode, key, spec, random);
    }

    @Override
    protected byte[] engineUpdate(byte[] bytes, int offset, int length) {
        input.write(bytes, offset, length);
        return advance(input);
    }

    @Override
    protected int engineUpdate(byte[] bytes, int offset, int length, byte[] output,
            int outputOffset) throws ShortBufferException {
        checkRoom(advanced(input.size() + length), output, outputOffset);
        byte[] out = engineUpdate(bytes, offset, length);
        System.arraycopy(out, 0, output, outputOffset, out.length);
        return out.length;
    }

    @Override
    protected byte[] engineDoFinal(byte[] bytes, int offset, int length)
            throws IllegalBlockSizeException, BadPaddingException {
        byte[] before = bytes == null ? NOTHING : engineUpdate(bytes, offset, length);
        byte[] rest = input.toByteArray();
        input.reset();
        byte[] last = finish(rest);
        if (before.length == 0) {
            return last;
        }
        byte[] all = Arrays.copyOf(before, before.length + last.length);
        System.arraycopy(last, 0, all, before.length, last.length);
        return all;
    }

    @Override
    protected int engineDoFinal(byte[] bytes, int offset, int length, byte[] output,
            int outputOffset)
            throws ShortBufferException, IllegalBlockSizeException, BadPaddingException {
        // Asked before the request where that can be known.
        checkRoom(leastFinal(length), output, outputOffset);
        Runnable backToHere = mark();
        byte[] result = engineDoFinal(bytes, offset, length);
        try {
            if (result.length > output.length - outputOffset) {
                // The caller tries again with a larger array.
                backToHere.run();
            }
            checkRoom(result.length, output, outputOffset);
            System.arraycopy(result, 0, output, outputOffset, result.length);
            return result.length;
        } finally {
            Arrays.fill(result, (byte) 0);
        }
    }

    /** What leads back to the present state. */
    Runnable mark() {
        byte[] collected = input.toByteArray();
        return () -> {
            input.reset();
            input.writeBytes(collected);
        };
    }

    @Override
    protected final void engineUpdateAAD(ByteBuffer source) {
        byte[] bytes = new byte[source.remaining()];
        source.get(bytes);
        engineUpdateAAD(bytes, 0, bytes.length);
    }

    private static void checkRoom(int needed, byte[] output, int offset)
            throws ShortBufferException {
        if (needed > output.length - offset) {
            throw new ShortBufferException(needed + " bytes are needed");
        }
    }

    /** The exception for a ciphertext that does not decrypt. */
    static <X extends BadPaddingException> X caused(X exception, KeywardException failure) {
        exception.initCause(failure);
        return exception;
    }
}
