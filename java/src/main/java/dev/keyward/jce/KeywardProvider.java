package dev.keyward.jce;

import java.io.IOException;
import java.io.NotSerializableException;
import java.security.InvalidParameterException;
import java.security.Provider;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

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

    /** Setting of the provider alone: whether a KeyStore imports keys that it is given. */
    private static final String IMPORT = "import";

    private final transient ServiceClient client;
    private final transient Service random;

    /** A provider with the settings of file and environment. */
    public KeywardProvider() {
        this(Map.of());
    }

    private KeywardProvider(Map<String, String> settings) {
        super(NAME, AlgorithmTable.VERSION, "Keys of the Keyward service");
        Map<String, String> ofClient = new HashMap<>(settings);
        boolean imports = isYes(ofClient.remove(IMPORT));
        client = new ServiceClient(ofClient);
        ServiceList.of(this, client, imports).forEach(this::putService);
        random = ServiceList.random(this, client);
    }

    private static boolean isYes(String value) {
        return switch (value == null ? "no" : value) {
            case "yes" -> true;
            case "no" -> false;
            default -> throw new InvalidParameterException(
                "the Keyward provider's setting " + IMPORT + " is yes or no, not " + value);
        };
    }

    /** Random bytes are had by name, and never by {@code new SecureRandom()}. */
    @Override
    public Service getService(String type, String algorithm) {
        // A service that was put makes the JDK take it for its default, if Keyward stands first.
        return type.equalsIgnoreCase(random.getType())
            && algorithm.equalsIgnoreCase(random.getAlgorithm())
            ? random : super.getService(type, algorithm);
    }

    @Override
    public Set<Service> getServices() {
        Set<Service> services = new LinkedHashSet<>(super.getServices());
        services.add(random);
        return Collections.unmodifiableSet(services);
    }

    /**
     * Another provider, with these settings over those of file and environment.
     *
     * @param argument settings such as {@code address=unix:/run/keyward/hsm.sock}, with commas
     *     between, or the name of a file with one on each line. {@code import=yes} makes the
     *     KeyStore take keys of other providers into the service when they are set;
     *     {@code approval=8c1f0a52e6b97d34} is the approval by which others let a key be made,
     *     changed or deleted
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

    /** A copy elsewhere would know nothing of the service. */
    private Object writeReplace() throws NotSerializableException {
        throw new NotSerializableException("the Keyward provider cannot be serialised");
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
