package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A session that is taken up again costs no signature: the service's audit log is asked. */
@ExtendWith(RunningService.Extension.class)
class TlsResumptionTest {
    /** How sessions are kept: by the client in a ticket, or by the server under an identifier. */
    private static final List<List<String>> WAYS = List.of(
        List.of("-tls1_2"), List.of("-tls1_2", "-no_ticket"), List.of("-tls1_3"));

    static Stream<Path> javaHomes() throws IOException {
        return Processes.javaHomes();
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void a_server_signs_for_new_sessions_alone(Path home, @TempDir Path folder,
            RunningService service) throws Exception {
        String key = service.key("resume-server-" + Processes.feature(home), "p-256");
        List<String> command = Processes.java(home, "java", "-cp",
            Processes.JAR + ":target/test-classes", TlsServer.class.getName(), "PKIX", key);
        try (ServerProcess server = new ServerProcess(service.environment(), command)) {
            for (List<String> way : WAYS) {
                assertSeen("New, TLSv1.", connect(server, folder, way, "-sess_out", "session"));
                for (int i = 0; i < 3; i++) {
                    assertSeen("Reused, TLSv1.", connect(server, folder, way,
                        "-sess_in", "session", "-sess_out", "session"));
                }
            }
        }
        assertHandshakes(WAYS.size(), service, key);
    }

    private static String connect(ServerProcess server, Path folder, List<String> way,
            String... options) {
        return SClient.connect(folder, server.ports().get(0), "",
            Stream.concat(way.stream(), Stream.of(options)).toArray(String[]::new));
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void a_client_with_a_certificate_signs_for_new_sessions_alone(Path home,
            @TempDir Path folder, RunningService service) throws Exception {
        String key = service.key("resume-client-" + Processes.feature(home), "p-256");
        Processes.run(folder, Map.of(), List.of("openssl", "req", "-x509", "-newkey", "rsa:2048",
            "-nodes", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.pem"))
            .succeeded();
        List<String> versions = List.of("TLSv1.2", "TLSv1.3");
        try (ServerProcess server = new ServerProcess(folder, Map.of(), List.of("openssl",
                "s_server", "-accept", "127.0.0.1:0", "-www", "-Verify", "1", "-cert",
                "server.pem", "-key", "server.key"))) {
            for (String version : versions) {
                List<String> command = Processes.java(home, "java", "-cp", Processes.JAR + ":"
                    + Path.of("target/test-classes").toAbsolutePath(), TlsClient.class.getName(),
                    key, server.ports().get(0).toString(), "server.pem", version, "4");
                String pages = Processes.run(folder, service.environment(), command).succeeded();
                assertEquals(3, Pattern.compile("Reused, TLSv1").matcher(pages).results().count(),
                    pages);
            }
        }
        assertHandshakes(versions.size(), service, key);
    }

    private static void assertSeen(String wanted, String output) {
        assertTrue(output.contains(wanted), output);
        assertTrue(output.contains("greeted over"), output);
    }

    /** Counts the signatures besides that of the key's own certificate. */
    private static void assertHandshakes(int expected, RunningService service, String key)
            throws Exception {
        // Once the signature of this request is in the log, so is all that came before.
        service.keyward("key", "csr", key, "--subject", "CN=last").succeeded();
        Processes.await(() -> signatures(service, key) >= expected + 2);
        assertEquals(expected + 2, signatures(service, key));
    }

    private static long signatures(RunningService service, String key) {
        return service.keyward("audit", "tail", "-n", "1000").succeeded().lines()
            .filter(line -> line.matches(".* sign +[^ ]*/" + key + " .*")).count();
    }
}
