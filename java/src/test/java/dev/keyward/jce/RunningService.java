package dev.keyward.jce;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyStore;
import java.security.PublicKey;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * A real {@code keyward serve --dev} in a temporary folder, given to tests as a parameter: one for
 * all of them, ended after the last.
 */
final class RunningService implements AutoCloseable {
    private final Path state;
    private final String address;
    private final Path program = program();
    private final List<String> command;
    /** The keys that {@link #key} has made, by name. */
    private final Map<String, String> keys = new HashMap<>();
    private Process process;

    /** Starts a service for this user. */
    RunningService() throws IOException {
        this("serve", "--dev");
        command.addAll(List.of("--state", state.toString()));
        start();
    }

    private RunningService(String... arguments) throws IOException {
        // Other users pass through to the socket.
        state = Files.createTempDirectory("keyward-java-",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx--x--x")));
        address = "unix:" + state.resolve("hsm.sock");
        command = new ArrayList<>(List.of(program.toString()));
        command.addAll(Arrays.asList(arguments));
    }

    /** Starts a service whose users are these local ones. */
    static RunningService forUsers(String... users) throws IOException {
        RunningService service = new RunningService("serve", "--config");
        service.keyward("init", "--state", service.state.toString()).succeeded();
        StringBuilder configuration = service.configuration();
        for (String user : users) {
            configuration.append("[[user]]\nname = \"").append(user)
                .append("\"\nidentities = [\"uid:").append(user).append("\"]\n");
        }
        Path file = Files.writeString(service.state.resolve("test.toml"), configuration);
        service.command.add(file.toString());
        service.start();
        return service;
    }

    /** Starts a service of which the one who runs the tests is each of these users, with a PIN. */
    static RunningService withPins(Path folder, List<String> users, List<String> pins)
            throws IOException {
        return withPins(folder, users, pins, "");
    }

    /** The same with more configuration. The PINs are in files of the users' names. */
    static RunningService withPins(Path folder, List<String> users, List<String> pins,
            String more) throws IOException {
        RunningService service = new RunningService("serve", "--config");
        service.keyward("init", "--state", service.state.toString()).succeeded();
        StringBuilder configuration = service.configuration();
        String me = System.getProperty("user.name");
        for (String user : users) {
            configuration.append("[[user]]\nname = \"").append(user)
                .append("\"\nidentities = [\"uid:").append(me)
                .append("\"]\npin = \"required\"\n");
        }
        configuration.append(more);
        Path file = Files.writeString(service.state.resolve("test.toml"), configuration);
        for (int i = 0; i < users.size(); i++) {
            Path pin = Files.writeString(folder.resolve(users.get(i)), pins.get(i));
            service.keyward("user", "set-pin", users.get(i), "--new-pin-file", pin.toString(),
                "--offline", "--config", file.toString()).succeeded();
        }
        service.command.add(file.toString());
        service.start();
        return service;
    }

    private StringBuilder configuration() {
        return new StringBuilder("state = \"" + state + "\"\n[seal]\nkey_file = \""
            + state.resolve("master.key") + "\"\n[[listen]]\nunix = \""
            + state.resolve("hsm.sock") + "\"\n");
    }

    /** Starts it again after {@link #stop}. */
    void start() throws IOException {
        process = new ProcessBuilder(command).redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(state.resolve("log").toFile()))
            .start();
        keyward("status", "--wait", "60").succeeded();
    }

    /** Ends it, as a service manager does. */
    void stop() {
        process.destroy();
        try {
            if (!process.waitFor(60, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
                throw new AssertionError("the service did not end at SIGTERM");
            }
        } catch (InterruptedException failure) {
            throw new AssertionError(failure);
        }
    }

    @Override
    public void close() throws IOException {
        stop();
        try (Stream<Path> files = Files.walk(state)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    String address() {
        return address;
    }

    /** What other programs need to find the service. */
    Map<String, String> environment() {
        return Map.of("KEYWARD_ADDRESS", address, "KEYWARD_RETRY_FOR", "1s");
    }

    /** Runs the command line. */
    Processes.Result keyward(String... arguments) {
        return keyward(state, Map.of(), arguments);
    }

    /** Runs the command line in a folder, with more variables. */
    Processes.Result keyward(Path folder, Map<String, String> variables, String... arguments) {
        List<String> command = new ArrayList<>(List.of(program.toString()));
        command.addAll(Arrays.asList(arguments));
        Map<String, String> environment = new HashMap<>(environment());
        environment.putAll(variables);
        return Processes.run(folder, environment, command);
    }

    /** A provider for this service. */
    KeywardProvider provider() {
        return (KeywardProvider) new KeywardProvider()
            .configure("address=" + address + ", retry_for=1s");
    }

    /** The KeyStore of such a provider. */
    KeyStore keyStore() throws Exception {
        KeyStore keys = KeyStore.getInstance("Keyward", provider());
        keys.load(null, null);
        return keys;
    }

    /**
     * Makes a key of this type if that has not been done yet; with a certificate, if it signs and
     * was not given options.
     */
    String key(String type) throws Exception {
        return key("java-" + type, type);
    }

    synchronized String key(String name, String type, String... options) throws Exception {
        if (keys.putIfAbsent(name, type) == null) {
            List<String> command = new ArrayList<>(
                List.of("key", "generate", name, "--type", type));
            command.addAll(Arrays.asList(options));
            keyward(command.toArray(new String[0])).succeeded();
            if (options.length == 0 && !type.equals("x25519")) {
                keyward("key", "self-sign", name, "--subject", "CN=localhost", "--san",
                    "DNS:localhost").succeeded();
            }
        }
        return name;
    }

    KeywardPrivateKey privateKey(String name) throws Exception {
        return (KeywardPrivateKey) keyStore().getKey(name, null);
    }

    PublicKey publicKey(String name) throws Exception {
        return privateKey(name).publicKey();
    }

    private static Path program() {
        String given = System.getProperty("keyward.bin", System.getenv("KEYWARD_BIN"));
        return Stream.of(given, "../target/release/keyward", "../target/debug/keyward")
            .filter(path -> path != null && Files.isExecutable(Path.of(path)))
            .map(path -> Path.of(path).toAbsolutePath()).findFirst()
            .orElseThrow(() -> new AssertionError("there is no keyward program: build it with"
                + " cargo build -p keyward, or name it by KEYWARD_BIN"));
    }

    private static RunningService started() {
        try {
            return new RunningService();
        } catch (IOException failure) {
            throw new AssertionError(failure);
        }
    }

    /** Gives tests the one service. */
    static final class Extension implements ParameterResolver {
        @Override
        public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
            return parameter.getParameter().getType() == RunningService.class;
        }

        @Override
        public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
            return context.getRoot().getStore(ExtensionContext.Namespace.GLOBAL)
                .computeIfAbsent(RunningService.class, type -> started(), RunningService.class);
        }
    }
}
