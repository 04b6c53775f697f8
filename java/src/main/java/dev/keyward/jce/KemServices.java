package dev.keyward.jce;

import java.security.Provider;
import java.util.List;

/**
 * Services of the type {@code KEM}, which came with Java 21: for that and later ones the jar
 * has another version of this class.
 */
final class KemServices {
    static List<Provider.Service> of(Provider provider) {
        return List.of();
    }

    private KemServices() {}
}
