package dev.keyward.jce;

import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.security.spec.AlgorithmParameterSpec;
import java.util.Arrays;
import javax.crypto.KeyAgreementSpi;
import javax.crypto.SecretKey;
import javax.crypto.ShortBufferException;
import javax.crypto.spec.SecretKeySpec;

/** Key agreement with keys of the service. {@code doPhase} is one request. */
final class KeywardKeyAgreement extends KeyAgreementSpi {
    private static final String TLS_PREMASTER_SECRET = "TlsPremasterSecret";
    private static final String GENERIC = "Generic";

    private final AlgorithmTable.Agreement agreement;
    private ServiceKey key;
    private byte[] secret;

    KeywardKeyAgreement(AlgorithmTable.Agreement agreement) {
        this.agreement = agreement;
    }

    @Override
    protected void engineInit(Key privateKey, SecureRandom random) throws InvalidKeyException {
        key = checked(privateKey, agreement);
        forget();
    }

    /** The key, if it is one of the service that may do this. */
    static ServicePrivateKey checked(Key key, AlgorithmTable.Agreement agreement)
            throws InvalidKeyException {
        if (!(key instanceof ServicePrivateKey ours)
                || ours.info().family() != agreement.family) {
            throw new InvalidKeyException("the provider Keyward agrees with "
                + agreement.family.jca + " keys of the KeyStore \"Keyward\" only; name no provider"
                + " to use other keys");
        }
        ours.demand(KeyRight.DERIVE);
        return ours;
    }

    @Override
    protected void engineInit(Key privateKey, AlgorithmParameterSpec spec, SecureRandom random)
            throws InvalidKeyException, InvalidAlgorithmParameterException {
        if (spec != null) {
            throw new InvalidAlgorithmParameterException("key agreement takes no parameters");
        }
        engineInit(privateKey, random);
    }

    @Override
    protected Key engineDoPhase(Key peer, boolean lastPhase) throws InvalidKeyException {
        if (key == null) {
            throw new IllegalStateException("not initialised");
        }
        if (secret != null || !lastPhase) {
            throw new IllegalStateException("this agreement is between two and has one phase");
        }
        byte[] encoded = KeyDerivation.encoded(peer);
        try {
            secret = key.client().derive(key.info(), encoded);
            return null;
        } catch (KeywardException failure) {
            throw Failures.keyOrInput(failure);
        }
    }

    @Override
    protected byte[] engineGenerateSecret() {
        if (secret == null) {
            throw new IllegalStateException("call doPhase first");
        }
        byte[] result = secret;
        secret = null;
        return result;
    }

    @Override
    protected int engineGenerateSecret(byte[] out, int offset) throws ShortBufferException {
        if (secret == null) {
            throw new IllegalStateException("call doPhase first");
        }
        if (secret.length > out.length - offset) {
            throw new ShortBufferException(secret.length + " bytes are needed");
        }
        System.arraycopy(secret, 0, out, offset, secret.length);
        int length = secret.length;
        forget();
        return length;
    }

    @Override
    protected SecretKey engineGenerateSecret(String algorithm)
            throws NoSuchAlgorithmException, InvalidKeyException {
        // A bare secret of an agreement is no key for a cipher: as in the JDK, TLS alone takes it.
        if (!algorithm.equals(TLS_PREMASTER_SECRET) && !algorithm.equals(GENERIC)) {
            throw new NoSuchAlgorithmException("an agreement's secret is not an " + algorithm
                + " key; derive one from generateSecret()");
        }
        byte[] value = engineGenerateSecret();
        try {
            return new SecretKeySpec(value, algorithm);
        } finally {
            Arrays.fill(value, (byte) 0);
        }
    }

    private void forget() {
        if (secret != null) {
            Arrays.fill(secret, (byte) 0);
            secret = null;
        }
    }
}
