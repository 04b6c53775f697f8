package dev.keyward.jce;

import java.security.PrivateKey;
import java.security.PublicKey;

/**
 * A private key that is in the service: what is here is only a reference to it. {@code getFormat}
 * and {@code getEncoded} give null, and it cannot be serialised.
 */
public interface KeywardPrivateKey extends PrivateKey {
    /** The key's identifier for life, as the command line prints it. */
    String keyId();

    /** The name that the key had when this object was made. */
    String keyName();

    /** The user who owns the key. */
    String keyOwner();

    /** The public half, or null where this Java does not know the key's curve. */
    PublicKey publicKey();
}
