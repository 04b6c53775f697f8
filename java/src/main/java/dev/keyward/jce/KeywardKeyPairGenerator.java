package dev.keyward.jce;

import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidParameterException;
import java.security.KeyPair;
import java.security.KeyPairGeneratorSpi;
import java.security.ProviderException;
import java.security.SecureRandom;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.NamedParameterSpec;
import java.security.spec.RSAKeyGenParameterSpec;
import java.util.List;
import java.util.Locale;

/** Makes pairs of keys in the service, under the conditions of {@link MakingKeys}. */
final class KeywardKeyPairGenerator extends KeyPairGeneratorSpi {
    private static final int DEFAULT_RSA_BITS = 3072;

    private final ServiceClient client;
    private final String algorithm;
    private final AlgorithmTable.Family family;
    private final List<AlgorithmTable.Family> families;
    private KeyAttributes attributes;
    private String type;

    /** Makes keys of these families, and of the first when nothing else is asked for. */
    KeywardKeyPairGenerator(ServiceClient client, String algorithm,
            List<AlgorithmTable.Family> families) {
        this.client = client;
        this.algorithm = algorithm;
        this.families = families;
        this.family = families.get(0);
        this.type = defaultType(this.family);
    }

    private static String defaultType(AlgorithmTable.Family family) {
        return switch (family) {
            case RSA, RSA_PSS -> family.keyward + "-" + DEFAULT_RSA_BITS;
            case EC -> AlgorithmTable.Curve.P_256.keyward;
            case ED25519, X25519, ML_DSA_44, ML_DSA_65, ML_DSA_87, ML_KEM_512, ML_KEM_768,
                ML_KEM_1024 -> family.keyward;
        };
    }

    @Override
    public void initialize(int bits, SecureRandom random) {
        String refusal = MakingKeys.refusal("KeyPairGenerator", algorithm);
        if (refusal != null) {
            throw new InvalidParameterException(refusal);
        }
        type = switch (family) {
            case RSA, RSA_PSS -> family.keyward + "-" + bits;
            case EC -> curveOfSize(bits);
            case ED25519, X25519, ML_DSA_44, ML_DSA_65, ML_DSA_87, ML_KEM_512, ML_KEM_768,
                ML_KEM_1024 -> family.keyward;
        };
        attributes = null;
    }

    @Override
    public void initialize(AlgorithmParameterSpec parameters, SecureRandom random)
            throws InvalidAlgorithmParameterException {
        if (parameters instanceof KeyAttributes wanted) {
            if (wanted.type() != null && !isOfFamily(wanted.type())) {
                throw new InvalidAlgorithmParameterException("a generator for " + algorithm
                    + " makes no key of type " + wanted.type());
            }
            attributes = wanted;
            type = wanted.type() != null ? wanted.type() : defaultType(family);
            return;
        }
        String refusal = MakingKeys.refusal("KeyPairGenerator", algorithm);
        if (refusal != null) {
            throw new InvalidAlgorithmParameterException(refusal);
        }
        type = typeOf(parameters);
        attributes = null;
    }

    @Override
    public KeyPair generateKeyPair() {
        if (attributes == null) {
            String refusal = MakingKeys.refusal("KeyPairGenerator", algorithm);
            if (refusal != null) {
                throw new ProviderException(refusal);
            }
        }
        try {
            KeyInfo made = client.generate(
                attributes != null ? attributes : KeyAttributes.named(MakingKeys.unnamed()), type);
            ServicePrivateKey key = ServicePrivateKey.of(client, made);
            return new KeyPair(key.publicKey(), key);
        } catch (KeywardException failure) {
            throw Failures.provider(failure);
        }
    }

    private String typeOf(AlgorithmParameterSpec parameters)
            throws InvalidAlgorithmParameterException {
        switch (family) {
            case RSA, RSA_PSS -> {
                if (parameters instanceof RSAKeyGenParameterSpec rsa && rsa.getKeyParams() == null
                        && rsa.getPublicExponent().equals(RSAKeyGenParameterSpec.F4)) {
                    return family.keyward + "-" + rsa.getKeysize();
                }
            }
            case EC -> {
                return curveNamed(curveName(parameters)).keyward;
            }
            case ED25519, X25519, ML_DSA_44, ML_DSA_65, ML_DSA_87, ML_KEM_512, ML_KEM_768,
                ML_KEM_1024 -> {
                if (parameters instanceof NamedParameterSpec named
                        && isOfFamily(named.getName().toLowerCase(Locale.ROOT))) {
                    return named.getName().toLowerCase(Locale.ROOT);
                }
            }
        }
        throw new InvalidAlgorithmParameterException("Keyward cannot make a key from these"
            + " parameters; RSA keys have the exponent 65537 and are held to a digest by"
            + " KeyAttributes.withAlgorithms, curves are known by name");
    }

    private static String curveName(AlgorithmParameterSpec parameters)
            throws InvalidAlgorithmParameterException {
        if (parameters instanceof ECGenParameterSpec named) {
            return named.getName();
        }
        if (parameters instanceof NamedParameterSpec named) {
            return named.getName();
        }
        if (parameters instanceof ECParameterSpec curve) {
            try {
                AlgorithmParameters known = AlgorithmParameters.getInstance("EC");
                known.init(curve);
                return known.getParameterSpec(ECGenParameterSpec.class).getName();
            } catch (GeneralSecurityException unknown) {
                throw new InvalidAlgorithmParameterException("this curve has no name", unknown);
            }
        }
        throw new InvalidAlgorithmParameterException("no curve is given");
    }

    private static AlgorithmTable.Curve curveNamed(String name)
            throws InvalidAlgorithmParameterException {
        for (AlgorithmTable.Curve curve : AlgorithmTable.Curve.values()) {
            if (curve.jca.equalsIgnoreCase(name) || curve.keyward.equalsIgnoreCase(name)
                    || curve.openssl.equalsIgnoreCase(name) || curve.oid.equals(name)) {
                return curve;
            }
        }
        throw new InvalidAlgorithmParameterException("Keyward does not know the curve " + name);
    }

    /** The first curve of that size in the table, as in the JDK. */
    private static String curveOfSize(int bits) {
        for (AlgorithmTable.Curve curve : AlgorithmTable.Curve.values()) {
            if (curve.bits == bits) {
                return curve.keyward;
            }
        }
        throw new InvalidParameterException("Keyward knows no curve of " + bits + " bits");
    }

    private boolean isOfFamily(String wanted) {
        String prefix = family.keyward + "-";
        return switch (family) {
            case RSA, RSA_PSS -> wanted.startsWith(prefix)
                && wanted.substring(prefix.length()).chars().allMatch(Character::isDigit);
            case EC -> isCurve(wanted);
            case ED25519, X25519, ML_DSA_44, ML_DSA_65, ML_DSA_87, ML_KEM_512, ML_KEM_768,
                ML_KEM_1024 -> families.stream().anyMatch(one -> wanted.equals(one.keyward));
        };
    }

    private static boolean isCurve(String type) {
        for (AlgorithmTable.Curve curve : AlgorithmTable.Curve.values()) {
            if (curve.keyward.equals(type)) {
                return true;
            }
        }
        return false;
    }
}
