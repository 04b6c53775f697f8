package dev.keyward.jce;

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
import java.util.Optional;

/**
 * The private keys, in the shapes that JSSE and the JDK's other users of keys accept: never
 * {@code RSAPrivateKey} or {@code ECPrivateKey}, whose getters would have to lie and which the
 * JDK's own providers would take for keys of theirs.
 */
abstract class ServicePrivateKey extends ServiceKey implements KeywardPrivateKey {
    private static final long serialVersionUID = 1L;

    private final transient PublicKey publicKey;

    private ServicePrivateKey(ServiceClient client, KeyInfo info, PublicKey publicKey) {
        super(client, info);
        this.publicKey = publicKey;
    }

    /** The key object for what the service told. */
    static ServicePrivateKey of(ServiceClient client, KeyInfo info) {
        return of(client, info, PublicKeys.of(info));
    }

    /** The same where the public half has been decoded already. */
    static ServicePrivateKey of(ServiceClient client, KeyInfo info, PublicKey publicKey) {
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

    @Override
    public final PublicKey publicKey() {
        return publicKey;
    }

    @Override
    public String getAlgorithm() {
        return info().family().jca;
    }

    private static class Rsa extends ServicePrivateKey implements RSAKey {
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

    private static final class Ec extends ServicePrivateKey implements ECKey {
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

    private static final class Ed25519 extends ServicePrivateKey implements EdECPrivateKey {
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

    /**
     * Keys for which the JDK has no interface. Javas that know them have one name for all parameter
     * sets, and KeyStore wants key and certificate to agree in it.
     */
    private abstract static class Named extends ServicePrivateKey {
        private static final long serialVersionUID = 1L;

        Named(ServiceClient client, KeyInfo info, PublicKey publicKey) {
            super(client, info, publicKey);
        }

        @Override
        public final String getAlgorithm() {
            return publicKey() != null ? publicKey().getAlgorithm() : super.getAlgorithm();
        }

        /** Of {@code AsymmetricKey}, which every private key is from Java 22 on. */
        public final AlgorithmParameterSpec getParams() {
            return new NamedParameterSpec(info().family().jca);
        }
    }

    private static final class MlDsa extends Named {
        private static final long serialVersionUID = 1L;

        MlDsa(ServiceClient client, KeyInfo info, PublicKey publicKey) {
            super(client, info, publicKey);
        }
    }

    /** For Javas that have {@code KEM}. */
    private static final class MlKem extends Named {
        private static final long serialVersionUID = 1L;

        MlKem(ServiceClient client, KeyInfo info, PublicKey publicKey) {
            super(client, info, publicKey);
        }
    }

    private static final class X25519 extends ServicePrivateKey implements XECPrivateKey {
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
