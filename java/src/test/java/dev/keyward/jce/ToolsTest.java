package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** keytool and jarsigner of every Java found; OpenSSL looks at what they made. */
@ExtendWith(RunningService.Extension.class)
class ToolsTest {
    static Stream<Path> javaHomes() throws IOException {
        return Processes.javaHomes();
    }

    /** A Java installation's tools against the service, in a folder. */
    private record Tools(Path home, Path folder, RunningService service) {
        Processes.Result keytool(String... arguments) {
            return keytool(List.of(), arguments);
        }

        Processes.Result keytool(List<String> ofProvider, String... arguments) {
            List<String> command = Processes.java(home, "keytool", arguments);
            command.addAll(List.of("-storetype", "Keyward", "-keystore", "NONE",
                "-storepass", "unused", "-providerpath", Processes.JAR.toString(),
                "-providerclass", KeywardProvider.class.getName()));
            command.addAll(ofProvider);
            command.addAll(options());
            return Processes.run(folder, service.environment(), command);
        }

        /**
         * For the Java that runs the tool. Later ones load native libraries only with leave; those
         * that can be so strict already are. The simple compiler is enough for short programs.
         */
        private List<String> options() {
            return Processes.feature(home) < 24 ? List.of("-J-XX:TieredStopAtLevel=1")
                : List.of("-J-XX:TieredStopAtLevel=1", "-J--illegal-native-access=deny",
                    "-J--enable-native-access=ALL-UNNAMED");
        }

        Processes.Result jarsigner(String... arguments) {
            List<String> command = Processes.java(home, "jarsigner",
                "-J-cp", "-J" + Processes.JAR, "-providerClass",
                KeywardProvider.class.getName());
            command.addAll(options());
            command.addAll(Arrays.asList(arguments));
            return Processes.run(folder, service.environment(), command);
        }

        String openssl(String... arguments) {
            List<String> command = new ArrayList<>(List.of("openssl"));
            command.addAll(Arrays.asList(arguments));
            return Processes.run(folder, Map.of(), command).succeeded();
        }

        String alias(String name) {
            return "tool" + Processes.feature(home) + "-" + name;
        }
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void keytool_makes_secret_keys_itself_and_has_them_imported_if_told_to(Path home,
            @TempDir Path folder, RunningService service) throws Exception {
        Tools tools = new Tools(home, folder, service);
        String alias = tools.alias("secret");
        String[] generate = {"-genseckey", "-alias", alias, "-keypass", "unused", "-keyalg", "AES",
            "-keysize", "256"};
        String refused = tools.keytool(generate).failed();
        assertTrue(refused.contains("keyward key generate"), refused);
        tools.keytool(List.of("-providerarg", "import=yes"), generate).succeeded();
        String shown = service.keyward("key", "show", alias).succeeded();
        assertTrue(shown.contains("aes-256") && shown.contains("imported"), shown);
        assertTrue(tools.keytool("-list", "-alias", alias).succeeded().contains("SecretKeyEntry"));
        tools.keytool("-delete", "-alias", alias).succeeded();
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void keytool_makes_keys_in_the_service_and_requests_and_installs_certificates(Path home,
            @TempDir Path folder, RunningService service) throws Exception {
        Tools tools = new Tools(home, folder, service);
        List<String> before = unnamedKeys(service);
        for (String[] kind : new String[][] {{"rsa", "-keyalg", "RSA", "-keysize", "2048"},
                {"ec", "-keyalg", "EC", "-groupname", "secp256r1"},
                {"ed25519", "-keyalg", "Ed25519"}}) {
            String alias = tools.alias(kind[0]);
            List<String> generate = new ArrayList<>(List.of("-genkeypair", "-alias", alias,
                "-keypass", "unused", "-dname", "CN=localhost", "-providerName", "Keyward"));
            generate.addAll(Arrays.asList(kind).subList(1, kind.length));
            tools.keytool(generate.toArray(new String[0])).succeeded();
            String shown = service.keyward("key", "show", alias).succeeded();
            assertTrue(shown.contains("generated"), shown);

            tools.keytool("-certreq", "-alias", alias, "-file", alias + ".csr").succeeded();
            String request =
                tools.openssl("req", "-in", alias + ".csr", "-noout", "-verify", "-text");
            assertTrue(request.contains("verify OK"), request);

            tools.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Test CA",
                "-keyout", "ca.key", "-out", "ca.pem");
            tools.openssl("x509", "-req", "-in", alias + ".csr", "-CA", "ca.pem", "-CAkey",
                "ca.key", "-CAcreateserial", "-out", "leaf.pem");
            Files.writeString(folder.resolve("chain.pem"),
                Files.readString(folder.resolve("leaf.pem"))
                    + Files.readString(folder.resolve("ca.pem")));
            tools.keytool("-importcert", "-noprompt", "-alias", alias, "-file", "chain.pem")
                .succeeded();
            String exported =
                tools.keytool("-exportcert", "-rfc", "-alias", alias).succeeded();
            Files.writeString(folder.resolve("exported.pem"), exported);
            String certificate =
                tools.openssl("x509", "-in", "exported.pem", "-noout", "-issuer");
            assertTrue(certificate.contains("Test CA"), certificate);
            String kept = service.keyward("cert", "export", alias).succeeded();
            assertEquals(3, kept.split("BEGIN CERTIFICATE", -1).length, kept);
        }
        String list = tools.keytool("-list").succeeded();
        assertTrue(list.contains(tools.alias("rsa") + ", ") && list.contains("PrivateKeyEntry"),
            list);
        assertEquals(before, unnamedKeys(service));
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void keytool_makes_keys_of_ml_dsa_where_it_knows_them(Path home, @TempDir Path folder,
            RunningService service) throws Exception {
        assumeTrue(Processes.feature(home) >= 24, "keytool knows ML-DSA from Java 24 on");
        Tools tools = new Tools(home, folder, service);
        String alias = tools.alias("ml-dsa");
        tools.keytool("-genkeypair", "-alias", alias, "-keypass", "unused", "-keyalg", "ML-DSA",
            "-groupname", "ML-DSA-65", "-dname", "CN=localhost", "-providerName", "Keyward")
            .succeeded();
        String shown = service.keyward("key", "show", alias).succeeded();
        assertTrue(shown.contains("ml-dsa-65") && shown.contains("generated"), shown);
        tools.keytool("-certreq", "-alias", alias, "-file", "ml-dsa.csr").succeeded();
        // Reading a request, the JDK verifies it.
        String request = Processes.run(folder, Map.of(), Processes.java(home, "keytool",
            "-printcertreq", "-file", "ml-dsa.csr")).succeeded();
        assertTrue(request.contains("ML-DSA"), request);
    }

    /** Keys that nobody has named, of which other tests may leave some. */
    private static List<String> unnamedKeys(RunningService service) throws Exception {
        return service.keyward("key", "list").succeeded().lines()
            .filter(line -> line.contains("unnamed-")).toList();
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void keytool_signs_requests_with_an_authority_in_the_service(Path home, @TempDir Path folder,
            RunningService service) throws Exception {
        Tools tools = new Tools(home, folder, service);
        String authority = tools.alias("authority");
        tools.keytool("-genkeypair", "-alias", authority, "-keypass", "unused", "-keyalg", "EC",
            "-groupname", "secp384r1", "-dname", "CN=Authority", "-ext", "bc:critical=ca:true",
            "-providerName", "Keyward").succeeded();
        Files.writeString(folder.resolve("authority.pem"),
            service.keyward("cert", "export", authority).succeeded());
        Files.writeString(folder.resolve("server.csr"), service.keyward("key", "csr",
            service.key("java-rsa-2048", "rsa-2048"), "--subject", "CN=server").succeeded());
        tools.keytool("-gencert", "-alias", authority, "-infile", "server.csr", "-rfc",
            "-outfile", "server.pem", "-ext", "san=dns:www.example.org").succeeded();
        String verified = tools.openssl("verify", "-CAfile", "authority.pem",
            "-verify_hostname", "www.example.org", "server.pem");
        assertTrue(verified.contains("server.pem: OK"), verified);
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void keytool_brings_a_key_store_in_where_it_is_told_to(Path home, @TempDir Path folder,
            RunningService service) throws Exception {
        Tools tools = new Tools(home, folder, service);
        String alias = tools.alias("imported");
        tools.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Old",
            "-keyout", "old.key", "-out", "old.pem");
        tools.openssl("pkcs12", "-export", "-inkey", "old.key", "-in", "old.pem", "-name", alias,
            "-passout", "pass:changeit", "-out", "old.p12");
        List<String> importing = Processes.java(home, "keytool", "-importkeystore",
            "-srckeystore", "old.p12", "-srcstoretype", "PKCS12", "-srcstorepass", "changeit",
            "-destkeystore", "NONE", "-deststoretype", "Keyward", "-deststorepass", "unused",
            "-noprompt", "-providerpath", Processes.JAR.toString(), "-providerclass",
            KeywardProvider.class.getName());
        Processes.run(folder, service.environment(), importing);
        service.keyward("key", "show", alias).failed();
        importing.addAll(List.of("-providerarg", "import=yes"));
        Processes.run(folder, service.environment(), importing).succeeded();
        String shown = service.keyward("key", "show", alias).succeeded();
        assertTrue(shown.contains("imported"), shown);
        assertEquals(tools.openssl("x509", "-in", "old.pem", "-pubkey", "-noout"),
            service.keyward("key", "public", alias).succeeded());
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void keytool_renames_and_deletes(Path home, @TempDir Path folder, RunningService service)
            throws Exception {
        Tools tools = new Tools(home, folder, service);
        service.key(tools.alias("old"), "p-256");
        String id = service.privateKey(tools.alias("old")).keyId();
        tools.keytool("-changealias", "-alias", tools.alias("old"), "-destalias",
            tools.alias("new")).succeeded();
        service.keyward("key", "show", tools.alias("old")).failed();
        assertEquals(id, service.privateKey(tools.alias("new")).keyId());
        tools.keytool("-delete", "-alias", tools.alias("new")).succeeded();
        service.keyward("key", "show", tools.alias("new")).failed();
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void keytool_keeps_trusted_certificates_and_builds_the_chain_of_a_reply_with_them(Path home,
            @TempDir Path folder, RunningService service) throws Exception {
        Tools tools = new Tools(home, folder, service);
        String root = tools.alias("root");
        tools.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
            "/CN=Root of " + root, "-keyout", "root.key", "-out", "root.pem");
        tools.keytool("-importcert", "-trustcacerts", "-noprompt", "-alias", root, "-file",
            "root.pem").succeeded();
        String listed = tools.keytool("-list").succeeded();
        assertTrue(listed.lines().anyMatch(line -> line.startsWith(root + ", ")
            && line.contains("trustedCertEntry")), listed);
        Files.writeString(folder.resolve("exported.pem"),
            tools.keytool("-exportcert", "-rfc", "-alias", root).succeeded());
        assertEquals(tools.openssl("x509", "-in", "root.pem"),
            tools.openssl("x509", "-in", "exported.pem"));

        // The reply alone: keytool finds its root among the entries.
        String alias = service.key(tools.alias("replied"), "p-256");
        tools.keytool("-certreq", "-alias", alias, "-file", "leaf.csr").succeeded();
        tools.openssl("x509", "-req", "-in", "leaf.csr", "-CA", "root.pem", "-CAkey", "root.key",
            "-CAcreateserial", "-out", "leaf.pem");
        tools.keytool("-importcert", "-alias", alias, "-file", "leaf.pem").succeeded();
        String kept = service.keyward("cert", "export", alias).succeeded();
        assertEquals(3, kept.split("BEGIN CERTIFICATE", -1).length, kept);

        tools.keytool("-changealias", "-alias", root, "-destalias", root + "2").succeeded();
        service.keyward("cert", "show", root).failed();
        service.keyward("cert", "show", root + "2").succeeded();
        tools.keytool("-delete", "-alias", root + "2").succeeded();
        service.keyward("cert", "show", root + "2").failed();
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void keytool_that_made_a_key_in_software_is_refused_with_a_way_out(Path home,
            @TempDir Path folder, RunningService service) throws Exception {
        Tools tools = new Tools(home, folder, service);
        String refusal = tools.keytool("-genkeypair", "-alias", tools.alias("soft"), "-keyalg",
            "RSA", "-keypass", "unused", "-dname", "CN=localhost").failed();
        assertTrue(refusal.contains("-providerName Keyward"), refusal);
        service.keyward("key", "show", tools.alias("soft")).failed();
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void jarsigner_signs_what_it_verifies_without_us(Path home, @TempDir Path folder,
            RunningService service) throws Exception {
        Tools tools = new Tools(home, folder, service);
        try (TimestampAuthority time = new TimestampAuthority(folder)) {
            for (String type : List.of("rsa-2048", "p-256", "ed25519")) {
                String alias = service.key("signs-jars-" + type, type);
                Files.writeString(folder.resolve("content.txt"), "content");
                Processes.run(folder, Map.of(), Processes.java(home, "jar", "--create", "--file",
                    "app.jar", "content.txt")).succeeded();
                tools.jarsigner("-storetype", "Keyward", "-keystore", "NONE", "-storepass",
                    "unused", "-tsa", time.url(), "app.jar", alias).succeeded();
                String verified = Processes.run(folder, Map.of(),
                    Processes.java(home, "jarsigner", "-verify", "-verbose", "-certs", "app.jar"))
                    .succeeded();
                for (String part : List.of("jar verified.", "CN=localhost",
                        "Timestamped by \"CN=Test TSA\"")) {
                    assertTrue(verified.contains(part), verified);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void the_command_line_runs_keytool_and_jarsigner_with_the_options_they_need(Path home,
            @TempDir Path folder, RunningService service) throws Exception {
        Tools tools = new Tools(home, folder, service);
        Map<String, String> java = Map.of("JAVA_HOME", home.toString());
        String jar = Processes.JAR.toString();
        String alias = tools.alias("short");
        service.keyward(folder, java, "java", "keytool", "--jar", jar, "-genkeypair", "-alias",
            alias, "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=short").succeeded();
        String shown = service.keyward("key", "show", alias).succeeded();
        assertTrue(shown.contains("generated"), shown);

        tools.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Old",
            "-keyout", "old.key", "-out", "old.pem");
        tools.openssl("pkcs12", "-export", "-inkey", "old.key", "-in", "old.pem", "-name",
            alias + "-old", "-passout", "pass:changeit", "-out", "old.p12");
        service.keyward(folder, java, "java", "keytool", "--jar", jar, "-importkeystore",
            "-srckeystore", "old.p12", "-srcstorepass", "changeit").succeeded();
        service.keyward("key", "show", alias + "-old").succeeded();

        Files.writeString(folder.resolve("content.txt"), "content");
        Processes.run(folder, Map.of(), Processes.java(home, "jar", "--create", "--file",
            "app.jar", "content.txt")).succeeded();
        service.keyward(folder, java, "java", "jarsigner", "--jar", jar, "app.jar", alias)
            .succeeded();
        String verified = service.keyward(folder, java, "java", "jarsigner", "--jar", jar,
            "-verify", "app.jar").succeeded();
        assertTrue(verified.contains("jar verified."), verified);
    }

    @Test
    void the_command_line_says_what_of_java_is_missing(@TempDir Path folder,
            RunningService service) {
        String refusal = service.keyward(folder, Map.of(), "java", "keytool", "--jar",
            "missing.jar", "-list").failed();
        assertTrue(refusal.contains("missing.jar") && refusal.contains("--jar FILE"), refusal);
        refusal = service.keyward(folder, Map.of("JAVA_HOME", "/nonexistent"), "java", "keytool",
            "--jar", Processes.JAR.toString(), "-list").failed();
        assertTrue(refusal.contains("JAVA_HOME"), refusal);
    }
}
