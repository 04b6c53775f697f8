package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Services whose classes came with later Javas, tried by programs in each that is here. */
@ExtendWith(RunningService.Extension.class)
class LaterJavasTest {
    private static final Path PROGRAMS = Path.of("src/test/programs").toAbsolutePath();

    @TempDir
    Path folder;

    /** Whether the jar was built with a JDK that knows such classes. */
    static boolean isWhole() throws Exception {
        try (JarFile jar = new JarFile(Processes.JAR.toFile())) {
            return jar.getEntry("META-INF/versions/25/") != null;
        }
    }

    @BeforeEach
    void the_jar_is_whole() throws Exception {
        assumeTrue(isWhole(), "no JDK of 25 or later was here when the jar was built");
    }

    static Stream<Path> since21() throws Exception {
        return Processes.javaHomes().filter(home -> Processes.feature(home) >= 21);
    }

    static Stream<Path> since25() throws Exception {
        return Processes.javaHomes().filter(home -> Processes.feature(home) >= 25);
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("since21")
    void kem_takes_out_the_secret_that_others_put_in(Path home, RunningService service)
            throws Exception {
        for (String algorithm : List.of("ML-KEM", "ML-KEM-512", "ML-KEM-768", "ML-KEM-1024")) {
            decapsulate(home, algorithm, folder, service);
        }
    }

    static Stream<Path> since24() throws Exception {
        return Processes.javaHomes().filter(home -> Processes.feature(home) >= 24);
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("since24")
    void kem_takes_out_what_the_jdk_puts_in_for_a_key_made_in_the_service(Path home,
            RunningService service) {
        String output = run(home, folder, service, "KemRoundTrip.java");
        assertTrue(output.contains("9 secrets"), output);
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("since25")
    void kdf_derives_keys_in_the_service(Path home, RunningService service) {
        for (String algorithm : List.of("HKDF-SHA256", "HKDF-SHA512")) {
            String output = derive(home, algorithm, folder, service);
            assertTrue(output.contains("as SunJCE does"), output);
        }
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("since25")
    void ml_dsa_signs_messages_that_are_larger_than_a_request(Path home, RunningService service) {
        String output = run(home, folder, service, "SignByMu.java");
        assertTrue(output.contains("signed"), output);
    }

    /** The key is made, and the secret put in, by the command line. */
    static void decapsulate(Path home, String algorithm, Path folder, RunningService service)
            throws Exception {
        String type = algorithm.equals("ML-KEM") ? "ml-kem-768"
            : algorithm.toLowerCase(Locale.ROOT);
        String key = service.key("decapsulates-" + type, type, "--usage", "derive");
        Path ciphertext = folder.resolve(algorithm + ".ciphertext");
        Path secret = folder.resolve(algorithm + ".secret");
        service.keyward("encapsulate", key, "--ciphertext", ciphertext.toString(), "--out",
            secret.toString()).succeeded();
        String output = run(home, folder, service, "Decapsulate.java", algorithm, key,
            ciphertext.toString(), secret.toString());
        assertTrue(output.contains("decapsulated"), output);
    }

    static String derive(Path home, String algorithm, Path folder, RunningService service) {
        String output = run(home, folder, service, "DeriveByKdf.java", algorithm);
        assertEquals("derived", output.strip().lines().reduce((first, last) -> last).get());
        return output;
    }

    private static String run(Path home, Path folder, RunningService service, String program,
            String... arguments) {
        List<String> command = new ArrayList<>(Processes.java(home, "java", "-cp",
            Processes.JAR.toString(), PROGRAMS.resolve(program).toString()));
        command.addAll(Arrays.asList(arguments));
        return Processes.run(folder, service.environment(), command).succeeded();
    }
}
