package dev.keyward.jce;

import java.io.NotSerializableException;
import java.io.ObjectInputStream;
import java.security.InvalidKeyException;
import java.security.PublicKey;
import java.security.interfaces.ECKey;
import java.security.interfaces.ECPublicKey;
import java.security.interfaces.EdECPrivateKey;
import java.security.interfaces.RSAKey;
import java.security.interfaces.RSAPublicKey;
import java.security.interfaces.XECPrivateKey;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.NamedParameterSpec;
import java.math.BigInteger;
import java.util.Arrays;
import java.util.Optional;

/**
 * The private keys, in the shapes that JSSE and the JDK's other users of keys accept: never
 * {@code RSAPrivateKey} or {@code ECPrivateKey}, whose getters would have to lie and which the
 * JDK's own providers would take for keys of theirs.
 */
abstract class ServiceKey implements KeywardPrivateKey {
    private static final long serialVersionUID = 1L;

    private final transient ServiceClient client;
    private final transient KeyInfo info;
    private final transient PublicKey publicKey;
    private transient volatile boolean destroyed;

    private ServiceKey(ServiceClient client, KeyInfo info, PublicKey publicKey) {
        this.client = client;
        this.info = info;
        this.publicKey = publicKey;
    }

    /** The key object for what the service told. */
    static ServiceKey of(ServiceClient client, KeyInfo info) {
        return of(client, info, PublicKeys.of(info));
    }

    /** The same where the public half has been decoded already. */
    static ServiceKey of(ServiceClient client, KeyInfo info, PublicKey publicKey) {
        return switch (info.family()) {
            case RSA -> new Rsa(client, info, (RSAPublicKey) publicKey);
            case RSA_PSS -> new RsaPss(client, info, (RSAPublicKey) publicKey);
            case EC -> new Ec(client, info, (ECPublicKey) publicKey);
            case ED25519 -> new Ed25519(client, info, publicKey);
            case X25519 -> new X25519(client, info, publicKey);
            case ML_DSA_44, ML_DSA_65, ML_DSA_87 -> new MlDsa(client, info, publicKey);
            case ML_KEM_512, ML_KEM_768, ML_KEM_1024 -> new MlKem(client, info, publicKey);
        };
    }

    /** The class of a family's keys, by name, for {@code SupportedKeyClasses}. */
    static String className(AlgorithmTable.Family family) {
        return switch (family) {
            case RSA -> Rsa.class.getName();
            case RSA_PSS -> RsaPss.class.getName();
            case EC -> Ec.class.getName();
            case ED25519 -> Ed25519.class.getName();
            case X25519 -> X25519.class.getName();
            case ML_DSA_44, ML_DSA_65, ML_DSA_87 -> MlDsa.class.getName();
            case ML_KEM_512, ML_KEM_768, ML_KEM_1024 -> MlKem.class.getName();
        };
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
    public final PublicKey publicKey() {
        return publicKey;
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
    public final String getAlgorithm() {
        return info.family().jca;
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
        return "Keyward " + info.type() + " private key " + info + " (id " + keyId() + ")";
    }

    /** A copy elsewhere would refer to a service that may not be reachable from there. */
    protected final Object writeReplace() throws NotSerializableException {
        throw new NotSerializableException("a key of the Keyward service cannot be serialised;"
            + " send its name and open it from the KeyStore there");
    }

    private void readObject(ObjectInputStream in) throws NotSerializableException {
        throw new NotSerializableException(getClass().getName());
    }

    private static class Rsa extends ServiceKey implements RSAKey {
        private static final long serialVersionUID = 1L;

        private final transient BigInteger modulus;
        private final transient AlgorithmParameterSpec parameters;

        Rsa(ServiceClient client, KeyInfo info, RSAPublicKey publicKey) {
            super(client, info, publicKey);
            this.modulus = publicKey.getModulus();
            this.parameters = publicKey.getParams();
        }

        @Override
        public BigInteger getModulus() {
            return modulus;
        }

        @Override
        public AlgorithmParameterSpec getParams() {
            return parameters;
        }
    }

    /** A key that signs with RSASSA-PSS alone. */
    private static final class RsaPss extends Rsa {
        private static final long serialVersionUID = 1L;

        RsaPss(ServiceClient client, KeyInfo info, RSAPublicKey publicKey) {
            super(client, info, publicKey);
        }
    }

    private static final class Ec extends ServiceKey implements ECKey {
        private static final long serialVersionUID = 1L;

        private final transient ECParameterSpec parameters;

        Ec(ServiceClient client, KeyInfo info, ECPublicKey publicKey) {
            super(client, info, publicKey);
            this.parameters = publicKey == null ? null : publicKey.getParams();
        }

        @Override
        public ECParameterSpec getParams() {
            return parameters;
        }
    }

    private static final class Ed25519 extends ServiceKey implements EdECPrivateKey {
        private static final long serialVersionUID = 1L;

        Ed25519(ServiceClient client, KeyInfo info, PublicKey publicKey) {
            super(client, info, publicKey);
        }

        @Override
        public NamedParameterSpec getParams() {
            return NamedParameterSpec.ED25519;
        }

        @Override
        public Optional<byte[]> getBytes() {
            return Optional.empty();
        }
    }

    /** The JDK has no interface of its own for these. */
    private static final class MlDsa extends ServiceKey {
        private static final long serialVersionUID = 1L;

        MlDsa(ServiceClient client, KeyInfo info, PublicKey publicKey) {
            super(client, info, publicKey);
        }
    }

    /** Shown by the KeyStore; no service of ours uses them. */
    private static final class MlKem extends ServiceKey {
        private static final long serialVersionUID = 1L;

        MlKem(ServiceClient client, KeyInfo info, PublicKey publicKey) {
            super(client, info, publicKey);
        }
    }

    private static final class X25519 extends ServiceKey implements XECPrivateKey {
        private static final long serialVersionUID = 1L;

        X25519(ServiceClient client, KeyInfo info, PublicKey publicKey) {
            super(client, info, publicKey);
        }

        @Override
        public NamedParameterSpec getParams() {
            return NamedParameterSpec.X25519;
        }

        @Override
        public Optional<byte[]> getScalar() {
            return Optional.empty();
        }
    }
}
