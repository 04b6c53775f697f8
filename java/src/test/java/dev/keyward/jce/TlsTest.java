package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Java servers with keys of the service, in every Java found; OpenSSL and curl are the clients. */
@ExtendWith(RunningService.Extension.class)
class TlsTest {
    private static final List<String> KEY_TYPES =
        List.of("rsa-2048", "rsa-pss-2048", "p-256", "p-384", "p-521", "ed25519");

    /** One handshake: the key's type, what s_client has to report, and what it offers. */
    private record Handshake(String type, String expected, String... options) {}

    /** NewSunX509 wants the certificate's own signature to be among the algorithms offered. */
    private static final List<Handshake> HANDSHAKES = List.of(
        new Handshake("rsa-2048", "type: RSA-PSS", "-tls1_3", "-sigalgs",
            "rsa_pss_rsae_sha256:rsa_pkcs1_sha256"),
        new Handshake("rsa-2048", "type: RSA-PSS", "-tls1_3", "-sigalgs",
            "rsa_pss_rsae_sha512:rsa_pkcs1_sha256"),
        new Handshake("rsa-pss-2048", "type: RSA-PSS", "-tls1_3", "-sigalgs",
            "rsa_pss_pss_sha256"),
        new Handshake("p-256", "type: ECDSA", "-tls1_3", "-sigalgs", "ecdsa_secp256r1_sha256"),
        new Handshake("p-384", "type: ECDSA", "-tls1_3", "-sigalgs", "ecdsa_secp384r1_sha384"),
        new Handshake("p-521", "type: ECDSA", "-tls1_3", "-sigalgs", "ecdsa_secp521r1_sha512"),
        new Handshake("ed25519", "type: ed25519", "-tls1_3", "-sigalgs", "ed25519"),
        new Handshake("rsa-2048", "type: RSA", "-tls1_2", "-sigalgs", "rsa_pkcs1_sha256"),
        new Handshake("rsa-2048", "type: RSA-PSS", "-tls1_2", "-sigalgs",
            "rsa_pss_rsae_sha256:rsa_pkcs1_sha256"),
        new Handshake("p-256", "type: ECDSA", "-tls1_2", "-sigalgs", "ecdsa_secp256r1_sha256"),
        new Handshake("ed25519", "type: ed25519", "-tls1_2", "-sigalgs", "ed25519"),
        // RSA key exchange: the premaster secret is decrypted in the service.
        new Handshake("rsa-2048", "Cipher is AES128-GCM-SHA256", "-tls1_2", "-cipher",
            "AES128-GCM-SHA256"));

    /** Each Java; Keyward first or last; the JDK's two kinds of KeyManager. */
    static Stream<Arguments> javas() throws IOException {
        return Processes.javaHomes().flatMap(home -> Stream.of(
            Arguments.of(home, true, "SunX509"), Arguments.of(home, false, "NewSunX509")));
    }

    @ParameterizedTest
    @MethodSource("javas")
    void sockets_serve_every_kind_of_key(Path home, boolean first, String managers,
            @TempDir Path folder, RunningService service) throws Exception {
        Path trusted = certificates(folder, service);
        List<String> command = Processes.java(home, "java",
            "-Djava.security.properties=" + security(home, first, folder),
            "-cp", Processes.JAR + ":target/test-classes",
            TlsServer.class.getName(), managers);
        KEY_TYPES.forEach(type -> command.add("tls-" + type));
        try (ServerProcess server = new ServerProcess(service.environment(), command)) {
            for (Handshake handshake : HANDSHAKES) {
                int port = server.ports().get(KEY_TYPES.indexOf(handshake.type()));
                List<String> options = new ArrayList<>(List.of("-CAfile", trusted.toString(),
                    "-verify_return_error", "-verify_hostname", "localhost"));
                options.addAll(List.of(handshake.options()));
                String output =
                    SClient.connect(folder, port, "", options.toArray(new String[0]));
                String seen = output + "\n" + options + "\n" + server.log();
                assertTrue(output.contains("greeted over TLSv1."), seen);
                // OpenSSL 3.0 and later ones differ in case.
                assertTrue(output.toLowerCase(Locale.ROOT)
                    .contains(handshake.expected().toLowerCase(Locale.ROOT)), seen);
            }
        }
    }

    static Stream<Path> javaHomes() throws IOException {
        return Processes.javaHomes();
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void the_https_server_of_the_jdk_serves_the_demo_page(Path home, @TempDir Path folder,
            RunningService service) throws Exception {
        Path trusted = certificates(folder, service);
        List<String> command = Processes.java(home, "java", "-cp", Processes.JAR.toString(),
            "demo/HttpsDemo.java", "0", "tls-p-256");
        try (ServerProcess server = new ServerProcess(service.environment(), command)) {
            for (String version : List.of("1.2", "1.3")) {
                String page = Processes.run(folder, Map.of(), List.of("curl", "--silent",
                    "--show-error", "--cacert", trusted.toString(), "--tlsv" + version,
                    "--tls-max", version, "https://localhost:" + server.ports().get(0) + "/"))
                    .succeeded();
                assertTrue(page.contains("over TLSv" + version), page);
                assertTrue(page.contains("private key: null"), page);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void a_server_with_many_keys_uses_the_one_of_the_host_asked_for(Path home,
            @TempDir Path folder, RunningService service) throws Exception {
        List<String> hosts = List.of("one.example", "two.example", "three.example");
        StringBuilder trusted = new StringBuilder();
        for (String host : hosts) {
            if (service.keyward("key", "show", "sni-" + host).status() != 0) {
                service.keyward("key", "generate", "sni-" + host, "--type", "rsa-2048")
                    .succeeded();
                service.keyward("key", "self-sign", "sni-" + host, "--subject", "CN=" + host,
                    "--san", "DNS:" + host).succeeded();
            }
            trusted.append(service.keyward("cert", "export", "sni-" + host).succeeded());
        }
        Files.writeString(folder.resolve("trusted.pem"), trusted);
        List<String> command = Processes.java(home, "java", "-cp",
            Processes.JAR + ":target/test-classes", TlsServer.class.getName(), "PKIX", "sni-*");
        try (ServerProcess server = new ServerProcess(service.environment(), command)) {
            for (String version : List.of("-tls1_2", "-tls1_3")) {
                for (String host : hosts) {
                    String seen = greeting(server, folder, version, "-servername", host,
                        "-verify_hostname", host);
                    assertTrue(seen.contains("greeted over TLSv1."), seen + server.log());
                }
            }
        }
        // This one does not know of hosts.
        command.set(command.indexOf("PKIX"), "SunX509");
        try (ServerProcess server = new ServerProcess(service.environment(), command)) {
            String seen = greeting(server, folder, "-tls1_3");
            assertTrue(seen.contains("greeted over TLSv1."), seen + server.log());
        }
    }

    private static String greeting(ServerProcess server, Path folder, String... options) {
        String[] all = Stream.concat(Stream.of("-CAfile", "trusted.pem", "-verify_return_error"),
            Stream.of(options)).toArray(String[]::new);
        return SClient.connect(folder, server.ports().get(0), "", all);
    }

    /** Makes the keys; the file of their certificates, which are their own issuers. */
    private static Path certificates(Path folder, RunningService service) throws Exception {
        StringBuilder certificates = new StringBuilder();
        for (String type : KEY_TYPES) {
            String name = service.key("tls-" + type, type);
            certificates.append(service.keyward("cert", "export", name).succeeded());
        }
        return Files.writeString(folder.resolve("trusted.pem"), certificates);
    }

    /** Security properties with Keyward in the list, and with RSA key exchange allowed. */
    private static Path security(Path home, boolean first, Path folder) throws IOException {
        Properties properties = new Properties();
        try (var in = Files.newInputStream(home.resolve("conf/security/java.security"))) {
            properties.load(in);
        }
        List<String> providers = new ArrayList<>();
        for (int i = 1; properties.containsKey("security.provider." + i); i++) {
            providers.add(properties.getProperty("security.provider." + i));
        }
        providers.add(first ? 0 : providers.size(), "Keyward");
        StringBuilder text = new StringBuilder("jdk.tls.disabledAlgorithms=SSLv3\n");
        for (int i = 0; i < providers.size(); i++) {
            text.append("security.provider.").append(i + 1).append('=').append(providers.get(i))
                .append('\n');
        }
        return Files.writeString(folder.resolve("java.security"), text);
    }
}
