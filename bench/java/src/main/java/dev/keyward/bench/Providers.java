package dev.keyward.bench;

import java.security.KeyStore;
import java.security.Provider;
import java.security.Security;
import java.util.ServiceLoader;

/** The providers that are compared, each one object for all threads, as in an application. */
final class Providers {
    /** Of the service that {@code KEYWARD_ADDRESS} names. */
    static Provider keyward() {
        return Keyward.PROVIDER;
    }

    /** SunPKCS11 with SoftHSM, logged in. */
    static Provider softhsm() {
        return Softhsm.PROVIDER;
    }

    private static final class Keyward {
        static final Provider PROVIDER = ServiceLoader.load(Provider.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(provider -> provider.getName().equals("Keyward"))
            .findFirst().orElseThrow();
    }

    private static final class Softhsm {
        static final Provider PROVIDER = loggedIn();

        private static Provider loggedIn() {
            try {
                Provider provider = Security.getProvider("SunPKCS11")
                    .configure(System.getenv("KEYWARD_BENCH_PKCS11"));
                KeyStore.getInstance("PKCS11", provider)
                    .load(null, System.getenv("KEYWARD_BENCH_PIN").toCharArray());
                return provider;
            } catch (Exception failure) {
                throw new IllegalStateException(failure);
            }
        }
    }

    private Providers() {}
}
