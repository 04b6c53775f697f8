package dev.keyward.jce;

import java.security.Provider;
import java.security.interfaces.EdECPublicKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.EdDSAParameterSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The provider's services, made from the table. Services with private keys say which classes of
 * keys they take ({@code SupportedKeyClasses}), so the JDK offers them ours and no others.
 */
final class ServiceList {
    private static final String PSS = AlgorithmTable.Family.RSA_PSS.jca;
    private static final String ED25519 = "Ed25519";
    private static final String P1363 = "inP1363Format";
    /** The families of ML-DSA, the one that a generator takes by itself first, as in the JDK. */
    private static final List<AlgorithmTable.Family> ML_DSA_FAMILIES = List.of(
        AlgorithmTable.Family.ML_DSA_65, AlgorithmTable.Family.ML_DSA_44,
        AlgorithmTable.Family.ML_DSA_87);

    /** The same of ML-KEM. */
    private static final List<AlgorithmTable.Family> ML_KEM_FAMILIES = List.of(
        AlgorithmTable.Family.ML_KEM_768, AlgorithmTable.Family.ML_KEM_512,
        AlgorithmTable.Family.ML_KEM_1024);

    private final Provider provider;
    private final ServiceClient client;
    private final List<Provider.Service> services = new ArrayList<>();

    /** All services of a provider; what they make uses this client. */
    static List<Provider.Service> of(Provider provider, ServiceClient client, boolean imports) {
        ServiceList list = new ServiceList(provider, client);
        list.keyStore(imports);
        list.signatures();
        list.cipher();
        list.wrappings();
        list.keyAgreements();
        list.keyPairGenerators();
        list.keyFactories();
        list.secretKeys();
        list.parameters();
        list.services.addAll(KemServices.of(provider));
        list.services.addAll(KdfServices.of(provider));
        return list.services;
    }

    /** The service of random bytes, which is not to be put into the provider's own list. */
    static Provider.Service random(Provider provider, ServiceClient client) {
        return new KeywardService(provider, "SecureRandom", KeywardSecureRandom.NAME,
            KeywardSecureRandom.class, List.of(), Map.of("ThreadSafe", "true"),
            () -> new KeywardSecureRandom(client));
    }

    private ServiceList(Provider provider, ServiceClient client) {
        this.provider = provider;
        this.client = client;
    }

    private void keyStore(boolean imports) {
        services.add(new KeywardService(provider, "KeyStore", KeywardProvider.NAME,
            KeywardKeyStore.class, List.of(), Map.of(), () -> new KeywardKeyStore(client, imports)));
    }

    private void signatures() {
        for (AlgorithmTable.SignatureAlgorithm row : AlgorithmTable.SIGNATURES) {
            String name = row.jca().get(0);
            boolean pss = row.scheme() == AlgorithmTable.Scheme.RSA_PSS;
            boolean prehash = row.scheme() == AlgorithmTable.Scheme.ED25519PH;
            List<String> aliases = new ArrayList<>(row.jca().subList(1, row.jca().size()));
            // The OID of RSASSA-PSS leaves the digest open.
            aliases.addAll(pss ? List.of() : oidAliases(row.oid()));
            // The JDK lacks these names, so without us nobody would verify what they signed.
            List<String> more = pss ? List.of(RSAPublicKey.class.getName())
                : prehash ? List.of(EdECPublicKey.class.getName()) : List.of();
            signature(name, aliases, more, new KeywardSignature.Shape(
                pss ? PSS : prehash ? ED25519 : name,
                prehash ? new EdDSAParameterSpec(true) : null, List.of(row.scheme()),
                row.digest(), false));
            if (row.scheme() == AlgorithmTable.Scheme.ECDSA) {
                signature(name + P1363, List.of(), List.of(), new KeywardSignature.Shape(
                    name + P1363, null, List.of(row.scheme()), row.digest(), true));
            }
        }
        signature(PSS, oidAliases(AlgorithmTable.Family.RSA_PSS.oid), List.of(),
            new KeywardSignature.Shape(PSS, null, List.of(AlgorithmTable.Scheme.RSA_PSS), null, false));
        signature(AlgorithmTable.ML_DSA, List.of(), List.of(), new KeywardSignature.Shape(
            AlgorithmTable.ML_DSA, null, List.of(AlgorithmTable.Scheme.ML_DSA_44,
                AlgorithmTable.Scheme.ML_DSA_65, AlgorithmTable.Scheme.ML_DSA_87), null, false));
        signature(AlgorithmTable.ML_DSA_MU, List.of(), List.of(), new KeywardSignature.Shape(
            AlgorithmTable.ML_DSA_MU, null, List.of(AlgorithmTable.Scheme.ML_DSA_44_MU,
                AlgorithmTable.Scheme.ML_DSA_65_MU, AlgorithmTable.Scheme.ML_DSA_87_MU), null,
            false));
    }

    private void signature(String name, List<String> aliases, List<String> moreKeyClasses,
            KeywardSignature.Shape shape) {
        List<String> classes = new ArrayList<>(moreKeyClasses);
        for (AlgorithmTable.Family family : AlgorithmTable.Family.values()) {
            String keys = ServicePrivateKey.className(family);
            if (shape.schemes().stream().anyMatch(family.schemes::contains)
                    && !classes.contains(keys)) {
                classes.add(keys);
            }
        }
        services.add(new KeywardService(provider, "Signature", name, KeywardSignature.class,
            aliases, keyClasses(classes), () -> new KeywardSignature(shape)));
    }

    private void cipher() {
        Map<String, String> attributes = Map.of(
            "SupportedModes", "ECB",
            "SupportedPaddings", KeywardCipher.PADDINGS,
            "SupportedKeyClasses", ServicePrivateKey.className(AlgorithmTable.Family.RSA));
        services.add(new KeywardService(provider, "Cipher", AlgorithmTable.Family.RSA.jca,
            KeywardCipher.class, oidAliases(AlgorithmTable.Family.RSA.oid), attributes,
            KeywardCipher::new));
    }

    private void keyAgreements() {
        for (AlgorithmTable.Agreement agreement : AlgorithmTable.Agreement.values()) {
            services.add(new KeywardService(provider, "KeyAgreement", agreement.jca.get(0),
                KeywardKeyAgreement.class, agreement.jca.subList(1, agreement.jca.size()),
                keyClasses(List.of(ServicePrivateKey.className(agreement.family))),
                () -> new KeywardKeyAgreement(agreement)));
        }
        for (AlgorithmTable.NamedDerivation derivation : AlgorithmTable.DERIVING_AGREEMENTS) {
            List<String> names = derivation.jca();
            services.add(new KeywardService(provider, "KeyAgreement", names.get(0),
                KeywardDerivingAgreement.class, names.subList(1, names.size()),
                keyClasses(List.of(ServicePrivateKey.className(AlgorithmTable.Family.EC))),
                () -> new KeywardDerivingAgreement(derivation)));
        }
    }

    /** AES-GCM and RSA-OAEP wrap too, but are ciphers first. */
    private void wrappings() {
        for (AlgorithmTable.Wrapping wrapping : AlgorithmTable.Wrapping.values()) {
            switch (wrapping) {
                case AES_GCM, RSA_OAEP -> { }
                case AES_KW, AES_KWP, AES_KW_PAD -> services.add(new KeywardService(provider,
                    "Cipher", wrapping.jca.get(0), KeywardWrapCipher.class,
                    wrapping.jca.subList(1, wrapping.jca.size()),
                    keyClasses(AlgorithmTable.SecretKind.AES),
                    () -> new KeywardWrapCipher(wrapping)));
                case RSA_AES -> services.add(new KeywardService(provider, "Cipher",
                    wrapping.jca.get(0).split("/")[0], KeywardWrapCipher.class, List.of(),
                    Map.of("SupportedModes", "ECB", "SupportedPaddings", OaepParameters.PADDINGS,
                        "SupportedKeyClasses", ServicePrivateKey.className(
                            AlgorithmTable.Family.RSA) + "|" + RSAPublicKey.class.getName()),
                    () -> new KeywardWrapCipher(wrapping)));
            }
        }
    }

    private void keyPairGenerators() {
        for (AlgorithmTable.Family family : AlgorithmTable.Family.values()) {
            keyPairGenerator(family.jca, aliases(family), List.of(family));
        }
        keyPairGenerator(AlgorithmTable.ML_DSA, List.of(), ML_DSA_FAMILIES);
        keyPairGenerator(AlgorithmTable.ML_KEM, List.of(), ML_KEM_FAMILIES);
    }

    private void keyPairGenerator(String name, List<String> aliases,
            List<AlgorithmTable.Family> families) {
        services.add(new KeywardService(provider, "KeyPairGenerator", name,
            KeywardKeyPairGenerator.class, aliases, Map.of(),
            () -> new KeywardKeyPairGenerator(client, name, families)));
    }

    /** For those who look for everything at the provider that they were told of. */
    private void parameters() {
        services.add(new KeywardService(provider, "AlgorithmParameters", OaepParameters.NAME,
            KeywardParameters.class, oidAliases(OaepParameters.OID), Map.of(),
            () -> new KeywardParameters(OaepParameters.NAME)));
    }

    /**
     * Java asks the first factory of a name for the public keys in certificates, and keeps the bytes
     * of those for which there is none. So there is none of ours for what this Java does not know:
     * it would have no other provider to hand them to.
     */
    private void keyFactories() {
        for (AlgorithmTable.Family family : AlgorithmTable.Family.values()) {
            if (ML_KEM_FAMILIES.contains(family) || !isKnownToJava(family)) {
                continue;
            }
            services.add(new KeywardService(provider, "KeyFactory", family.jca,
                KeywardKeyFactory.class, aliases(family), Map.of(),
                () -> new KeywardKeyFactory(client, family.jca, List.of(family))));
        }
        if (ML_DSA_FAMILIES.stream().allMatch(ServiceList::isKnownToJava)) {
            services.add(new KeywardService(provider, "KeyFactory", AlgorithmTable.ML_DSA,
                KeywardKeyFactory.class, List.of(), Map.of(),
                () -> new KeywardKeyFactory(client, AlgorithmTable.ML_DSA, ML_DSA_FAMILIES)));
        }
    }

    private void secretKeys() {
        for (AlgorithmTable.SymmetricCipher cipher : AlgorithmTable.SymmetricCipher.values()) {
            services.add(new KeywardService(provider, "Cipher", cipher.jca, KeywardAesCipher.class,
                List.of(), keyClasses(AlgorithmTable.SecretKind.AES),
                () -> new KeywardAesCipher(cipher)));
        }
        for (AlgorithmTable.Mac mac : AlgorithmTable.Mac.values()) {
            services.add(new KeywardService(provider, "Mac", mac.jca, KeywardMac.class, List.of(),
                keyClasses(mac.kind), () -> new KeywardMac(mac)));
        }
        for (AlgorithmTable.SecretKind kind : AlgorithmTable.SecretKind.values()) {
            keyGenerator(kind.jca, kind, kind.defaultBits);
            services.add(new KeywardService(provider, "SecretKeyFactory", kind.jca,
                KeywardSecretKeyFactory.class, macNames(kind), Map.of(),
                () -> new KeywardSecretKeyFactory(client, kind)));
        }
        for (AlgorithmTable.Mac mac : AlgorithmTable.Mac.values()) {
            if (mac.kind == AlgorithmTable.SecretKind.HMAC) {
                keyGenerator(mac.jca, mac.kind, Byte.SIZE * mac.size);
            }
        }
    }

    private void keyGenerator(String name, AlgorithmTable.SecretKind kind, int defaultBits) {
        services.add(new KeywardService(provider, "KeyGenerator", name, KeywardKeyGenerator.class,
            List.of(), Map.of(), () -> new KeywardKeyGenerator(client, name, kind, defaultBits)));
    }

    /** What Java calls the generic secrets of this kind, by what they are for. */
    private static List<String> macNames(AlgorithmTable.SecretKind kind) {
        return Stream.of(AlgorithmTable.Mac.values())
            .filter(mac -> mac.kind == kind && kind == AlgorithmTable.SecretKind.HMAC)
            .map(mac -> mac.jca).toList();
    }

    private static boolean isKnownToJava(AlgorithmTable.Family family) {
        return switch (family) {
            // JEP 497; updates of 21 have it too.
            case ML_DSA_44, ML_DSA_65, ML_DSA_87 -> isInJava("sun.security.provider.ML_DSA_Impls");
            default -> true;
        };
    }

    /** Java's list of providers cannot be asked: it may be loading this one, and would drop it. */
    private static boolean isInJava(String implementation) {
        try {
            Class.forName(implementation, false, null);
            return true;
        } catch (ClassNotFoundException olderJava) {
            return false;
        }
    }

    private static List<String> aliases(AlgorithmTable.Family family) {
        List<String> aliases = new ArrayList<>(oidAliases(family.oid));
        if (!family.keyward.equalsIgnoreCase(family.jca)) {
            aliases.add(family.keyward);
        }
        return aliases;
    }

    private static Map<String, String> keyClasses(List<String> names) {
        return Map.of("SupportedKeyClasses", String.join("|", names));
    }

    private static Map<String, String> keyClasses(AlgorithmTable.SecretKind kind) {
        return keyClasses(List.of(ServiceSecretKey.className(kind)));
    }

    static List<String> oidAliases(String oid) {
        return oid == null ? List.of() : List.of(oid, "OID." + oid);
    }
}
