package dev.keyward.jce;

import java.security.Provider;
import java.util.List;
import java.util.Map;

/** Services of the type {@code KDF}. */
final class KdfServices {
    /** A service for each function and digest. */
    static List<Provider.Service> of(Provider provider) {
        return AlgorithmTable.KDFS.stream().<Provider.Service>map(derivation ->
            new KeywardService(provider, "KDF", derivation.jca().get(0), KeywardKdf.class,
                derivation.jca().subList(1, derivation.jca().size()), Map.of(),
                () -> KeywardKdf.of(derivation))).toList();
    }

    private KdfServices() {}
}
