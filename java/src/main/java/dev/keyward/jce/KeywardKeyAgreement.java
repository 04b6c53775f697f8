package dev.keyward.jce;

import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.NoSuchAlgorithmException;
import java.security.PublicKey;
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
        if (!(privateKey instanceof ServiceKey serviceKey)
                || serviceKey.info().family() != agreement.family) {
            throw new InvalidKeyException("the provider Keyward agrees with "
                + agreement.family.jca + " keys of the KeyStore \"Keyward\" only; name no provider"
                + " to use other keys");
        }
        serviceKey.demand(KeyRight.DERIVE);
        key = serviceKey;
        forget();
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
        if (!(peer instanceof PublicKey) || !"X.509".equals(peer.getFormat())) {
            throw new InvalidKeyException("the other side's public key is needed");
        }
        try {
            secret = key.client().derive(key.info(), peer.getEncoded());
            return null;
        } catch (KeywardException failure) {
            if (failure.kind() == ErrorKind.INVALID_ARGUMENT) {
                throw new InvalidKeyException(failure.getMessage(), failure);
            }
            throw Failures.key(failure);
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
