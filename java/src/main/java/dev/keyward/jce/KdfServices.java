package dev.keyward.jce;

import java.security.Provider;
import java.util.List;

/**
 * Services of the type {@code KDF}, which came with Java 25: for that and later ones the jar
 * has another version of this class.
 */
final class KdfServices {
    static List<Provider.Service> of(Provider provider) {
        return List.of();
    }

    private KdfServices() {}
}
