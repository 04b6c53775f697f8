package dev.keyward.jce;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.NoSuchAlgorithmException;
import java.security.ProviderException;
import java.security.SecureRandom;
import java.security.spec.AlgorithmParameterSpec;
import java.util.Arrays;
import javax.crypto.AEADBadTagException;
import javax.crypto.BadPaddingException;
import javax.crypto.Cipher;
import javax.crypto.IllegalBlockSizeException;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.IvParameterSpec;

/**
 * Encryption with AES keys of the service. CBC, CTR and ECB give their output in parts of a request
 * each. GCM is one request, so no plaintext comes out before its tag was checked.
 *
 * <p>The initialisation vector of GCM is drawn by the service for each message and is to be had
 * from {@code getIV} after {@code doFinal} or {@code wrap}; so an object may encrypt one message
 * after another.
 */
final class KeywardAesCipher extends ServiceCipher {
    /** Whole blocks, and less than a request may carry. */
    static final int PART_BYTES = 256 << 10;

    private static final int BLOCK_BYTES = 16;
    private static final int TAG_BYTES = 16;
    private static final int LEAST_TAG_BYTES = 12;

    private final AlgorithmTable.SymmetricCipher cipher;
    private final ByteArrayOutputStream aad = new ByteArrayOutputStream();
    private ServiceSecretKey key;
    private int mode;
    private byte[] iv;
    /** What the next part of the message begins with in place of the initialisation vector. */
    private byte[] chained;
    private int tagBytes;
    private KeyAttributes attributes;

    KeywardAesCipher(AlgorithmTable.SymmetricCipher cipher) {
        this.cipher = cipher;
    }

    @Override
    String transformation() {
        return cipher.jca;
    }

    @Override
    Class<? extends AlgorithmParameterSpec> parametersClass() {
        return cipher.authenticated ? GCMParameterSpec.class : IvParameterSpec.class;
    }

    @Override
    protected int engineGetBlockSize() {
        return BLOCK_BYTES;
    }

    @Override
    protected int engineGetOutputSize(int length) {
        int total = collected() + length;
        if (mode != Cipher.ENCRYPT_MODE) {
            return total;
        }
        if (cipher.padded) {
            return (total / BLOCK_BYTES + 1) * BLOCK_BYTES;
        }
        return total + tagBytes;
    }

    /** Only of a padded message that is decrypted it is not known how long it is. */
    @Override
    int leastFinal(int length) {
        if (mode == Cipher.ENCRYPT_MODE) {
            return engineGetOutputSize(length);
        }
        return cipher.padded ? 0 : Math.max(0, collected() + length - tagBytes);
    }

    @Override
    Runnable mark() {
        Runnable backToHere = super.mark();
        byte[] before = chained;
        return () -> {
            backToHere.run();
            chained = before;
        };
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
    void begin(int mode, Key key, AlgorithmParameterSpec spec, SecureRandom random)
            throws InvalidKeyException, InvalidAlgorithmParameterException {
        ServiceSecretKey wanted = checked(key);
        boolean wraps = mode == Cipher.WRAP_MODE || mode == Cipher.UNWRAP_MODE;
        if (wraps && !cipher.authenticated) {
            throw new InvalidKeyException(cipher.jca + " of Keyward encrypts and decrypts; keys are"
                + " wrapped by AES/KW, AES/KWP or AES/GCM");
        }
        wanted.demand(switch (mode) {
            case Cipher.ENCRYPT_MODE -> KeyRight.ENCRYPT;
            case Cipher.DECRYPT_MODE -> KeyRight.DECRYPT;
            case Cipher.WRAP_MODE -> KeyRight.WRAP;
            default -> KeyRight.UNWRAP;
        });
        boolean out = mode == Cipher.ENCRYPT_MODE || mode == Cipher.WRAP_MODE;
        takeParameters(KeyWrapping.parameters(mode, spec), out, random);
        if (wraps && tagBytes != TAG_BYTES) {
            throw new InvalidAlgorithmParameterException("keys are wrapped with a tag of "
                + TAG_BYTES * Byte.SIZE + " bits");
        }
        attributes = KeyWrapping.attributes(spec);
        this.mode = mode;
        this.key = wanted;
        aad.reset();
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
            if (gcm.getTLen() % Byte.SIZE != 0 || tag < LEAST_TAG_BYTES || tag > TAG_BYTES) {
                throw new InvalidAlgorithmParameterException("a tag has 96, 104, 112, 120 or 128"
                    + " bits, not " + gcm.getTLen());
            }
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
        chained = given;
        tagBytes = tag;
    }

    @Override
    protected void engineUpdateAAD(byte[] bytes, int offset, int length) {
        if (!cipher.authenticated) {
            throw new UnsupportedOperationException(cipher.jca + " authenticates nothing");
        }
        if (collected() > 0) {
            throw new IllegalStateException("what is authenticated comes before the message");
        }
        aad.write(bytes, offset, length);
    }

    @Override
    int advanced(int collected) {
        if (cipher.authenticated) {
            return 0;
        }
        // The last block of a padded message shows where it ends.
        int usable = cipher.padded && mode == Cipher.DECRYPT_MODE ? collected - 1 : collected;
        return usable / PART_BYTES * PART_BYTES;
    }

    @Override
    byte[] advance(ByteArrayOutputStream collected) {
        int length = advanced(collected.size());
        if (length <= 0) {
            return NOTHING;
        }
        byte[] all = collected.toByteArray();
        collected.reset();
        byte[] out = new byte[length];
        for (int at = 0; at < length; at += PART_BYTES) {
            byte[] part = Arrays.copyOfRange(all, at, at + PART_BYTES);
            try {
                System.arraycopy(request(unpadded(), part), 0, out, at, PART_BYTES);
            } catch (KeywardException failure) {
                chained = iv;
                throw Failures.provider(failure);
            }
        }
        collected.write(all, length, all.length - length);
        return out;
    }

    /** The cipher for what is not the end of a message. */
    private AlgorithmTable.SymmetricCipher unpadded() {
        return switch (cipher) {
            case AES_CBC_PAD -> AlgorithmTable.SymmetricCipher.AES_CBC;
            case AES_ECB_PAD -> AlgorithmTable.SymmetricCipher.AES_ECB;
            default -> cipher;
        };
    }

    @Override
    byte[] finish(byte[] rest) throws IllegalBlockSizeException, BadPaddingException {
        boolean encrypts = mode == Cipher.ENCRYPT_MODE;
        try {
            boolean wholeBlocks = cipher.wholeBlocks || !encrypts && cipher.padded;
            if (wholeBlocks && rest.length % BLOCK_BYTES != 0) {
                throw new IllegalBlockSizeException(rest.length + " bytes are no number of blocks");
            }
            return request(cipher, rest);
        } catch (KeywardException failure) {
            if (encrypts || failure.kind() != ErrorKind.INVALID_ARGUMENT) {
                throw Failures.provider(failure);
            }
            throw caused(cipher.authenticated ? new AEADBadTagException(failure.getMessage())
                : new BadPaddingException(failure.getMessage()), failure);
        } finally {
            aad.reset();
            chained = iv;
        }
    }

    private byte[] request(AlgorithmTable.SymmetricCipher with, byte[] part)
            throws KeywardException {
        ServiceClient client = key.client();
        if (mode == Cipher.DECRYPT_MODE) {
            byte[] plain = client.decipher(key.info(), with, chained, aad.toByteArray(), tagBytes,
                part);
            chain(with, part);
            return plain;
        }
        byte[] answer = client.encipher(key.info(), with, with.ownIv ? null : chained,
            aad.toByteArray(), tagBytes, part);
        if (with.ownIv) {
            iv = Arrays.copyOf(answer, with.ivBytes);
        }
        byte[] ciphertext = Arrays.copyOfRange(answer, with.ivBytes, answer.length);
        chain(with, ciphertext);
        return ciphertext;
    }

    /** In CBC the last block of ciphertext goes into the next one; in CTR the counter goes on. */
    private void chain(AlgorithmTable.SymmetricCipher with, byte[] ciphertext) {
        if (with == AlgorithmTable.SymmetricCipher.AES_CBC && ciphertext.length > 0) {
            chained =
                Arrays.copyOfRange(ciphertext, ciphertext.length - BLOCK_BYTES, ciphertext.length);
        } else if (with == AlgorithmTable.SymmetricCipher.AES_CTR) {
            byte[] sum = new BigInteger(1, chained)
                .add(BigInteger.valueOf(ciphertext.length / BLOCK_BYTES)).toByteArray();
            byte[] counter = new byte[BLOCK_BYTES];
            int length = Math.min(sum.length, BLOCK_BYTES);
            System.arraycopy(sum, sum.length - length, counter, BLOCK_BYTES - length, length);
            chained = counter;
        }
    }

    @Override
    protected byte[] engineWrap(Key leaving) throws InvalidKeyException {
        byte[] answer = wrapping().wrap(leaving, key);
        iv = Arrays.copyOf(answer, cipher.ivBytes);
        return Arrays.copyOfRange(answer, cipher.ivBytes, answer.length);
    }

    @Override
    protected Key engineUnwrap(byte[] wrapped, String algorithm, int kind)
            throws InvalidKeyException, NoSuchAlgorithmException {
        byte[] both = Arrays.copyOf(iv, iv.length + wrapped.length);
        System.arraycopy(wrapped, 0, both, iv.length, wrapped.length);
        return wrapping().unwrap(both, key, algorithm, kind, attributes);
    }

    private static KeyWrapping wrapping() {
        return new KeyWrapping(AlgorithmTable.Wrapping.AES_GCM, null);
    }
}
