package dev.keyward.jce;

import java.security.Provider;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Services of the type {@code KEM}. */
final class KemServices {
    /** A service for each parameter set, and one for all. */
    static List<Provider.Service> of(Provider provider) {
        List<Provider.Service> services = new ArrayList<>();
        for (AlgorithmTable.MlKem set : AlgorithmTable.MlKem.values()) {
            services.add(service(provider, set.family.jca, List.of(set)));
        }
        services.add(service(provider, AlgorithmTable.ML_KEM,
            List.of(AlgorithmTable.MlKem.values())));
        return services;
    }

    private static Provider.Service service(Provider provider, String algorithm,
            List<AlgorithmTable.MlKem> sets) {
        List<String> aliases =
            sets.size() == 1 ? ServiceList.oidAliases(sets.get(0).family.oid) : List.of();
        return new KeywardService(provider, "KEM", algorithm, KeywardKem.class, aliases,
            Map.of("SupportedKeyClasses", ServicePrivateKey.className(sets.get(0).family)),
            () -> new KeywardKem(algorithm, sets));
    }

    private KemServices() {}
}
