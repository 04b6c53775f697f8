package dev.keyward.jce;

import java.security.Provider;
import java.security.interfaces.RSAPublicKey;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The provider's services, made from the table. Services with private keys say which classes of
 * keys they take ({@code SupportedKeyClasses}), so the JDK offers them ours and no others.
 */
final class ServiceList {
    private static final String PSS = AlgorithmTable.Family.RSA_PSS.jca;
    private static final String P1363 = "inP1363Format";

    private final Provider provider;
    private final ServiceClient client;
    private final List<Provider.Service> services = new ArrayList<>();

    /** All services of a provider; what they make uses this client. */
    static List<Provider.Service> of(Provider provider, ServiceClient client, boolean imports) {
        ServiceList list = new ServiceList(provider, client);
        list.keyStore(imports);
        list.signatures();
        list.cipher();
        list.keyAgreements();
        list.keyPairGenerators();
        list.keyFactories();
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
            List<String> aliases = new ArrayList<>(row.jca().subList(1, row.jca().size()));
            // The OID of RSASSA-PSS leaves the digest open.
            aliases.addAll(pss ? List.of() : oidAliases(row.oid()));
            // The JDK lacks these names, so without us nobody would verify what they signed.
            List<String> more = pss ? List.of(RSAPublicKey.class.getName()) : List.of();
            signature(name, aliases, more, new KeywardSignature.Shape(pss ? PSS : name,
                row.scheme(), row.digest(), false));
            if (row.scheme() == AlgorithmTable.Scheme.ECDSA) {
                signature(name + P1363, List.of(), List.of(), new KeywardSignature.Shape(
                    name + P1363, row.scheme(), row.digest(), true));
            }
        }
        signature(PSS, oidAliases(AlgorithmTable.Family.RSA_PSS.oid), List.of(),
            new KeywardSignature.Shape(PSS, AlgorithmTable.Scheme.RSA_PSS, null, false));
    }

    private void signature(String name, List<String> aliases, List<String> moreKeyClasses,
            KeywardSignature.Shape shape) {
        List<String> classes = new ArrayList<>(moreKeyClasses);
        for (AlgorithmTable.Family family : AlgorithmTable.Family.values()) {
            if (family.schemes.contains(shape.scheme())) {
                classes.add(ServiceKey.className(family));
            }
        }
        services.add(new KeywardService(provider, "Signature", name, KeywardSignature.class,
            aliases, keyClasses(classes), () -> new KeywardSignature(shape)));
    }

    private void cipher() {
        Map<String, String> attributes = Map.of(
            "SupportedModes", "ECB",
            "SupportedPaddings", KeywardCipher.PADDINGS,
            "SupportedKeyClasses", ServiceKey.className(AlgorithmTable.Family.RSA));
        services.add(new KeywardService(provider, "Cipher", AlgorithmTable.Family.RSA.jca,
            KeywardCipher.class, oidAliases(AlgorithmTable.Family.RSA.oid), attributes,
            KeywardCipher::new));
    }

    private void keyAgreements() {
        for (AlgorithmTable.Agreement agreement : AlgorithmTable.Agreement.values()) {
            services.add(new KeywardService(provider, "KeyAgreement", agreement.jca.get(0),
                KeywardKeyAgreement.class, agreement.jca.subList(1, agreement.jca.size()),
                keyClasses(List.of(ServiceKey.className(agreement.family))),
                () -> new KeywardKeyAgreement(agreement)));
        }
    }

    /** None for ML-KEM: TLS asks the first generator of the name for its ephemeral keys. */
    private void keyPairGenerators() {
        for (AlgorithmTable.Family family : AlgorithmTable.Family.values()) {
            if (isKem(family)) {
                continue;
            }
            services.add(new KeywardService(provider, "KeyPairGenerator", family.jca,
                KeywardKeyPairGenerator.class, aliases(family), Map.of(),
                () -> new KeywardKeyPairGenerator(client, family.jca, family)));
        }
    }

    /**
     * Java asks the first factory of a name for the public keys in certificates, and keeps the bytes
     * of those for which there is none. So there is none of ours for what this Java does not know:
     * it would have no other provider to hand them to.
     */
    private void keyFactories() {
        for (AlgorithmTable.Family family : AlgorithmTable.Family.values()) {
            if (isKem(family) || !isKnownToJava(family)) {
                continue;
            }
            services.add(new KeywardService(provider, "KeyFactory", family.jca,
                KeywardKeyFactory.class, aliases(family), Map.of(),
                () -> new KeywardKeyFactory(client, family)));
        }
    }

    private static boolean isKem(AlgorithmTable.Family family) {
        return switch (family) {
            case ML_KEM_512, ML_KEM_768, ML_KEM_1024 -> true;
            default -> false;
        };
    }

    private static boolean isKnownToJava(AlgorithmTable.Family family) {
        return switch (family) {
            case ML_DSA_44, ML_DSA_65, ML_DSA_87 -> Runtime.version().feature() >= 24; // JEP 497
            case ML_KEM_512, ML_KEM_768, ML_KEM_1024 -> Runtime.version().feature() >= 24; // JEP 496
            case RSA, RSA_PSS, EC, ED25519, X25519 -> true;
        };
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

    private static List<String> oidAliases(String oid) {
        return oid == null ? List.of() : List.of(oid, "OID." + oid);
    }
}
