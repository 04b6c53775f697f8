package dev.keyward.jce;

import java.security.Key;
import javax.security.auth.Destroyable;

/**
 * A key that is in the service: what is here is only a reference to it. {@code getFormat} and
 * {@code getEncoded} give null, and it cannot be serialised. Two objects are equal when they mean
 * the same key.
 *
 * <pre>{@code
 * KeywardKey key = (KeywardKey) keys.getKey("web", null);
 * System.out.println(key.keyOwner() + "/" + key.keyName() + " is " + key.keyId());
 * boolean signs = key.attributes().uses().contains(KeyRight.SIGN);
 * }</pre>
 *
 * <p>{@link #destroy} makes this object useless and leaves the key in the service alone;
 * {@link #deleteFromService} deletes the key.
 */
public interface KeywardKey extends Key, Destroyable {
    /** The key's identifier for life, as the command line prints it: 32 hexadecimal digits. */
    String keyId();

    /** The name that the key had when this object was made. */
    String keyName();

    /** The user who owns the key. */
    String keyOwner();

    /**
     * What the key was when this object was made: its type, uses, and what those are held to. The
     * caller may have rights to fewer of the uses.
     */
    KeyAttributes attributes();

    /**
     * Makes this object useless: each later use fails with IllegalStateException or
     * InvalidKeyException. The key stays in the service, and other objects for it go on.
     */
    @Override
    void destroy();

    /** Whether {@link #destroy} was called on this object. */
    @Override
    boolean isDestroyed();

    /**
     * Deletes the key in the service, for everybody. For the time that the service's configuration
     * says, {@code keyward key undelete} brings it back. The caller needs the right {@code manage}.
     * This object is destroyed with it.
     *
     * @throws KeywardException when the service refuses or cannot be reached
     */
    void deleteFromService() throws KeywardException;
}
