package dev.keyward.jce;

import java.io.NotSerializableException;
import java.io.ObjectInputStream;
import java.security.InvalidKeyException;
import java.util.Arrays;

/** What private and secret keys of the service have in common. */
abstract class ServiceKey implements KeywardKey {
    private static final long serialVersionUID = 1L;

    private final transient ServiceClient client;
    private final transient KeyInfo info;
    private transient volatile boolean destroyed;

    ServiceKey(ServiceClient client, KeyInfo info) {
        this.client = client;
        this.info = info;
    }

    /** The key object for what the service told. */
    static ServiceKey of(ServiceClient client, KeyInfo info) {
        return info.secretKind() != null
            ? ServiceSecretKey.of(client, info) : ServicePrivateKey.of(client, info);
    }

    /** The way to the key; a destroyed object has none. */
    final ServiceClient client() {
        if (destroyed) {
            throw new IllegalStateException("this object for key \"" + info
                + "\" has been destroyed; get another from the KeyStore");
        }
        return client;
    }

    final KeyInfo info() {
        return info;
    }

    /** Refuses a use that the key was not born with or the caller was not granted. */
    final void demand(KeyRight use) throws InvalidKeyException {
        if (destroyed) {
            throw new InvalidKeyException("this object for key \"" + info
                + "\" has been destroyed; get another from the KeyStore");
        }
        if (!info.uses().contains(use)) {
            throw new InvalidKeyException("key \"" + info + "\" may not be used by this caller to "
                + use.word() + " (see \"keyward key show " + info.name() + "\"; its owner grants"
                + " rights with \"keyward key share\")");
        }
    }

    @Override
    public final String keyId() {
        return info.idHex();
    }

    @Override
    public final String keyName() {
        return info.name();
    }

    @Override
    public final String keyOwner() {
        return info.owner();
    }

    @Override
    public final KeyAttributes attributes() {
        return info.attributes();
    }

    @Override
    public final void destroy() {
        destroyed = true;
    }

    @Override
    public final boolean isDestroyed() {
        return destroyed;
    }

    @Override
    public final void deleteFromService() throws KeywardException {
        client().delete(info);
        destroy();
    }

    @Override
    public final String getFormat() {
        return null;
    }

    @Override
    public final byte[] getEncoded() {
        return null;
    }

    @Override
    public final boolean equals(Object other) {
        return other instanceof ServiceKey key && Arrays.equals(info.id(), key.info.id())
            && client.isLike(key.client);
    }

    @Override
    public final int hashCode() {
        return Arrays.hashCode(info.id());
    }

    @Override
    public final String toString() {
        return "Keyward " + info.type() + (info.secretKind() == null ? " private" : " secret")
            + " key " + info + " (id " + keyId() + ")";
    }

    /** A copy elsewhere would refer to a service that may not be reachable from there. */
    protected final Object writeReplace() throws NotSerializableException {
        throw new NotSerializableException("a key of the Keyward service cannot be serialised;"
            + " send its name and open it from the KeyStore there");
    }

    private void readObject(ObjectInputStream in) throws NotSerializableException {
        throw new NotSerializableException(getClass().getName());
    }
}
