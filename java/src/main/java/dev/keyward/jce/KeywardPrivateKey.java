package dev.keyward.jce;

import java.security.PrivateKey;
import java.security.PublicKey;

/** A private key that is in the service. */
public interface KeywardPrivateKey extends KeywardKey, PrivateKey {
    /** The public half, or null where this Java does not know the key's curve. */
    PublicKey publicKey();

    @Override
    void destroy();

    @Override
    boolean isDestroyed();
}
