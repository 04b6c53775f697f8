package dev.keyward.jce;

import java.io.ByteArrayOutputStream;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.NoSuchAlgorithmException;
import java.security.Provider;
import java.security.Security;
import java.security.spec.AlgorithmParameterSpec;
import javax.crypto.Mac;
import javax.crypto.MacSpi;

/**
 * Message authentication codes with keys of the service. The message is collected here, and
 * {@code doFinal} is one request.
 *
 * <p>Keys of other providers are handed to them: {@code getMacLength} before {@code init}, which
 * JSSE calls, makes the JDK choose the first provider before it has seen the key.
 */
final class KeywardMac extends MacSpi {
    private final AlgorithmTable.Mac mac;
    private final ByteArrayOutputStream message = new ByteArrayOutputStream();
    private ServiceSecretKey key;
    private Mac delegate;

    KeywardMac(AlgorithmTable.Mac mac) {
        this.mac = mac;
    }

    @Override
    protected int engineGetMacLength() {
        return mac.size;
    }

    @Override
    protected void engineInit(Key key, AlgorithmParameterSpec parameters)
            throws InvalidKeyException, InvalidAlgorithmParameterException {
        if (parameters != null) {
            throw new InvalidAlgorithmParameterException(mac.jca + " takes no parameters");
        }
        if (!(key instanceof ServiceKey)) {
            delegate = elsewhere(key);
            this.key = null;
        } else if (key instanceof ServiceSecretKey secret
                && secret.info().secretKind() == mac.kind) {
            secret.demand(KeyRight.SIGN);
            this.key = secret;
            delegate = null;
        } else {
            throw new InvalidKeyException(key + " is no key for " + mac.jca);
        }
        message.reset();
    }

    private Mac elsewhere(Key key) throws InvalidKeyException {
        for (Provider provider : Security.getProviders()) {
            if (!(provider instanceof KeywardProvider)
                    && provider.getService("Mac", mac.jca) != null) {
                try {
                    Mac other = Mac.getInstance(mac.jca, provider);
                    other.init(key);
                    return other;
                } catch (NoSuchAlgorithmException | InvalidKeyException notHere) {
                    // The next may take it.
                }
            }
        }
        throw new InvalidKeyException("this is no key of the KeyStore \"Keyward\", and no other"
            + " provider has " + mac.jca + " for it");
    }

    @Override
    protected void engineUpdate(byte input) {
        engineUpdate(new byte[] {input}, 0, 1);
    }

    @Override
    protected void engineUpdate(byte[] input, int offset, int length) {
        if (delegate != null) {
            delegate.update(input, offset, length);
        } else {
            message.write(input, offset, length);
        }
    }

    @Override
    protected byte[] engineDoFinal() {
        if (delegate != null) {
            return delegate.doFinal();
        }
        byte[] input = message.toByteArray();
        message.reset();
        try {
            return key.client().mac(key.info(), mac, input);
        } catch (KeywardException failure) {
            throw Failures.provider(failure);
        }
    }

    @Override
    protected void engineReset() {
        if (delegate != null) {
            delegate.reset();
        }
        message.reset();
    }
}
