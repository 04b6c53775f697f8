package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** A broker and a client of Apache Kafka, their keys in the service. */
@ExtendWith(RunningService.Extension.class)
class KafkaTest {
    private static final Path HOME = Path.of(System.getProperty("java.home"));

    @TempDir
    private Path folder;

    @Test
    void brokers_and_clients_prove_themselves_and_brokers_take_a_new_certificate(
            RunningService service) throws Exception {
        String key = service.key("kafka-broker", "p-256");
        Path keys = keyStore(key);
        Path clientKeys = keyStore(service.key("kafka-client", "rsa-2048"));
        Path trusted = authority();
        String old = certify(service, key);
        certify(service, "kafka-client");
        List<Integer> ports = freePorts();
        Path settings = Files.writeString(folder.resolve("server.properties"), """
            process.roles = broker,controller
            node.id = 1
            controller.quorum.voters = 1@localhost:%2$d
            listeners = SSL://localhost:%1$d,CONTROLLER://localhost:%2$d
            controller.listener.names = CONTROLLER
            inter.broker.listener.name = SSL
            listener.security.protocol.map = SSL:SSL,CONTROLLER:SSL
            ssl.client.auth = required
            log.dirs = %3$s/data
            offsets.topic.replication.factor = 1
            offsets.topic.num.partitions = 1
            """.formatted(ports.get(0), ports.get(1), folder) + tls(keys, trusted));
        run(service, "kafka.tools.StorageTool", "format", "-t", "a2V5d2FyZC1rZXl3YXJkLQ", "-c",
            settings.toString());
        String address = "localhost:" + ports.get(0);
        Process broker = start(service, "kafka.Kafka", settings.toString());
        try {
            String read = run(service, "KafkaClient", address, "greetings", clientKeys.toString(),
                trusted.toString());
            assertTrue(read.contains("read greeting: hello"), read);

            assertEquals(old, shown(address));
            String renewed = certify(service, key);
            Files.setLastModifiedTime(keys, FileTime.from(Instant.now()));
            Path admin = Files.writeString(folder.resolve("admin.properties"),
                "security.protocol = SSL\n" + tls(clientKeys, trusted));
            run(service, "org.apache.kafka.tools.ConfigCommand", "--bootstrap-server", address,
                "--command-config", admin.toString(), "--alter", "--entity-type", "brokers",
                "--entity-name", "1", "--add-config",
                "listener.name.ssl.ssl.keystore.location=" + keys);
            Processes.await(() -> renewed.equals(shown(address)));
        } catch (AssertionError failure) {
            throw new AssertionError(Files.readString(folder.resolve("broker.log")), failure);
        } finally {
            broker.destroy();
            broker.waitFor();
        }
    }

    /** Makes a certificate authority; the file of its certificate. */
    private Path authority() {
        tool("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Test CA",
            "-keyout", "ca.key", "-out", "ca.pem");
        return folder.resolve("ca.pem");
    }

    /** Gives a key another certificate by the authority; what it is in PEM. */
    private String certify(RunningService service, String key) throws IOException {
        Files.writeString(folder.resolve("csr"), service.keyward("key", "csr", key, "--subject",
            "CN=localhost", "--san", "DNS:localhost").succeeded());
        tool("openssl", "x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-copy_extensions", "copy", "-out", "certificate.pem");
        service.keyward("cert", "import", key, "--in", folder.resolve("certificate.pem")
            .toString()).succeeded();
        return firstCertificate(Files.readString(folder.resolve("certificate.pem")));
    }

    private String tool(String... command) {
        return Processes.run(folder, Map.of(), List.of(command)).succeeded();
    }

    /** The settings of TLS, of brokers and clients alike. */
    private static String tls(Path keys, Path trusted) {
        return """
            ssl.keystore.type = Keyward
            ssl.keystore.location = %s
            ssl.keystore.password = unused
            ssl.truststore.type = PEM
            ssl.truststore.location = %s
            """.formatted(keys, trusted);
    }

    /** The certificate that the broker shows, in PEM. */
    private String shown(String address) {
        String seen = Processes.run(folder, Map.of(),
            List.of("openssl", "s_client", "-connect", address, "-showcerts")).output();
        return firstCertificate(seen);
    }

    private static String firstCertificate(String text) {
        return text.replaceAll("(?s).*?(-----BEGIN CERTIFICATE.*?END CERTIFICATE-----).*", "$1");
    }

    private Path keyStore(String key) throws IOException {
        return Files.writeString(folder.resolve(key + ".keys"),
            "# Keyward key store\naliases = \"" + key + "\"\n");
    }

    private String run(RunningService service, String program, String... arguments)
            throws IOException {
        return Processes.run(folder, service.environment(), java(program, arguments)).succeeded();
    }

    private Process start(RunningService service, String program, String... arguments)
            throws IOException {
        ProcessBuilder builder = new ProcessBuilder(java(program, arguments))
            .redirectErrorStream(true).redirectOutput(folder.resolve("broker.log").toFile());
        builder.environment().putAll(service.environment());
        return builder.start();
    }

    /** A program of Kafka's, which finds Keyward in the list of providers. */
    private List<String> java(String program, String... arguments) throws IOException {
        List<String> command = Processes.java(HOME, "java",
            "-Djava.security.properties=" + Processes.security(HOME, folder, "Keyward"), "-Djava.io.tmpdir=" + folder, "-cp",
            Processes.JAR + ":" + System.getProperty("java.class.path"), program);
        command.addAll(Arrays.asList(arguments));
        return command;
    }

    /** Kafka has to be told the ports of its brokers. */
    private static List<Integer> freePorts() throws IOException {
        List<ServerSocket> sockets = new ArrayList<>();
        List<Integer> ports = new ArrayList<>();
        try {
            for (int i = 0; i < 2; i++) {
                sockets.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
                ports.add(sockets.get(i).getLocalPort());
            }
        } finally {
            for (ServerSocket socket : sockets) {
                socket.close();
            }
        }
        return ports;
    }
}
