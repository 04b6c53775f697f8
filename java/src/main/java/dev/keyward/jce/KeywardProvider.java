package dev.keyward.jce;

import java.io.IOException;
import java.security.InvalidParameterException;
import java.security.Provider;
import java.util.Map;

/**
 * The provider "Keyward": private keys that stay inside the Keyward service.
 *
 * <pre>{@code
 * Security.addProvider(new KeywardProvider());
 * KeyStore keys = KeyStore.getInstance("Keyward");
 * keys.load(null, null);
 * }</pre>
 *
 * <p>Its place in the list of providers does not matter. Making and listing it does no I/O and
 * loads no native library; the first use of a key does. Settings come from
 * {@code /etc/keyward/client.toml} and the environment, as for the other clients of the service;
 * {@link #configure} adds to them.
 */
public final class KeywardProvider extends Provider implements AutoCloseable {
    /** Name of the provider, and of its type of KeyStore. */
    public static final String NAME = "Keyward";

    private static final long serialVersionUID = 1L;

    private final transient ServiceClient client;

    /** A provider with the settings of file and environment. */
    public KeywardProvider() {
        this(Map.of());
    }

    private KeywardProvider(Map<String, String> settings) {
        super(NAME, AlgorithmTable.VERSION, "Keys of the Keyward service");
        client = new ServiceClient(settings);
        ServiceList.of(this, client).forEach(this::putService);
    }

    /**
     * Another provider, with these settings over those of file and environment.
     *
     * @param argument settings such as {@code address=unix:/run/keyward/hsm.sock}, with commas
     *     between, or the name of a file with one on each line
     */
    @Override
    public Provider configure(String argument) {
        try {
            return new KeywardProvider(Settings.ofArgument(argument));
        } catch (IOException failure) {
            InvalidParameterException exception = new InvalidParameterException(
                "the Keyward provider cannot be configured: " + failure.getMessage());
            exception.initCause(failure);
            throw exception;
        }
    }

    @Override
    public boolean isConfigured() {
        return true;
    }

    /**
     * Drops the connections to the service. Later use of the provider and of keys that came from it
     * fails with IllegalStateException. Without this, they go when the provider and its keys are
     * no longer in use.
     */
    @Override
    public void close() {
        client.close();
    }
}
