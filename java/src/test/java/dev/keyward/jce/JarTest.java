package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The finished jar in every Java found: its native library, its module, its threads. */
@ExtendWith(RunningService.Extension.class)
class JarTest {
    private static final Path PROGRAMS = Path.of("src/test/programs").toAbsolutePath();

    static Stream<Path> javaHomes() throws IOException {
        return Processes.javaHomes();
    }

    private static Processes.Result useKey(Path home, Path folder, RunningService service,
            Map<String, String> environment, String key, String... options) {
        List<String> command = Processes.java(home, "java", options);
        if (!Arrays.asList(options).contains("--module-path")) {
            command.addAll(List.of("-cp", Processes.JAR.toString()));
        }
        command.add(PROGRAMS.resolve("UseKey.java").toString());
        if (key != null) {
            command.add(key);
        }
        Map<String, String> all = new HashMap<>(service.environment());
        all.putAll(environment);
        return Processes.run(folder, all, command);
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void the_library_is_unpacked_into_a_private_folder_and_leaves_nothing(Path home,
            @TempDir Path folder, RunningService service) throws Exception {
        String key = service.key("p-256");
        for (var place : List.of(Map.of("KEYWARD_TMPDIR", folder.toString()),
                Map.of("JAVA_TOOL_OPTIONS", "-Dkeyward.tmpdir=" + folder))) {
            String output = useKey(home, folder, service, place, key).succeeded();
            assertTrue(output.contains("signed "), output);
            try (Stream<Path> left = Files.list(folder)) {
                assertEquals(List.of(), left.toList());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void a_library_that_cannot_be_loaded_is_explained(Path home, @TempDir Path folder,
            RunningService service) throws Exception {
        String key = service.key("p-256");
        String unpacked = useKey(home, folder, service, Map.of(), key,
            "-Dkeyward.tmpdir=" + folder.resolve("missing")).failed();
        assertTrue(unpacked.contains("-Dkeyward.tmpdir=DIR"), unpacked);
        Path other = Files.writeString(folder.resolve("other.so"), "no library");
        String linked = useKey(home, folder, service, Map.of(), key,
            "-Dkeyward.library=" + other).failed();
        assertTrue(linked.contains("cannot be loaded"), linked);
        // Of the kind that KeyStore.load declares, as often as it is tried.
        String twice = run(home, folder, service, List.of("-Dkeyward.library=" + other),
            "LoadTwice.java").succeeded();
        assertEquals(2, Pattern.compile("(?m)^UNSUPPORTED: .* cannot be loaded").matcher(twice)
            .results().count(), twice);
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void finding_and_listing_the_provider_loads_no_library(Path home, @TempDir Path folder,
            RunningService service) throws Exception {
        String output = useKey(home, folder, service, Map.of(), null,
            "-Dkeyward.library=/nonexistent.so").succeeded();
        assertTrue(output.contains(" services in "), output);
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void it_is_a_module_and_needs_leave_for_native_access_where_java_denies_it(Path home,
            @TempDir Path folder, RunningService service) throws Exception {
        String key = service.key("p-256");
        List<String> options = new ArrayList<>(List.of("--module-path", Processes.JAR.toString(),
            "--add-modules", "dev.keyward.jce"));
        String output = useKey(home, folder, service, Map.of(), key,
            options.toArray(new String[0])).succeeded();
        assertTrue(output.contains("in module dev.keyward.jce"), output);
        if (Processes.feature(home) < 24) {
            return;
        }
        options.add("--illegal-native-access=deny");
        String denied = useKey(home, folder, service, Map.of(), key,
            options.toArray(new String[0])).failed();
        assertTrue(denied.contains("--enable-native-access=dev.keyward.jce"), denied);
        options.add("--enable-native-access=dev.keyward.jce");
        String granted = useKey(home, folder, service, Map.of(), key,
            options.toArray(new String[0])).succeeded();
        assertFalse(granted.contains("WARNING"), granted);
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void a_virtual_thread_that_waits_for_the_service_does_not_hold_the_others(Path home,
            @TempDir Path folder) throws Exception {
        assumeTrue(Processes.feature(home) >= 21, "Java 17 has no virtual threads");
        try (RunningService service = new RunningService()) {
            List<String> command = Processes.java(home, "java",
                "-Djdk.virtualThreadScheduler.parallelism=1",
                "-Djdk.virtualThreadScheduler.maxPoolSize=1", "-cp", Processes.JAR.toString(),
                PROGRAMS.resolve("VirtualThreads.java").toString(), service.key("p-256"));
            ProcessBuilder builder = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD);
            builder.environment().putAll(service.environment());
            // Time enough for the other, however busy the machine is.
            builder.environment().put("KEYWARD_RETRY_FOR", "5s");
            Process process = builder.start();
            try (var lines = process.inputReader(); var orders = process.outputWriter()) {
                assertEquals("take the service away", lines.readLine());
                service.stop();
                orders.write("done\n");
                orders.flush();
                String failure = lines.readLine();
                assertTrue(failure.startsWith("signing failed: "), failure);
                assertEquals("the other went on", lines.readLine());
            } finally {
                process.destroyForcibly().waitFor();
                service.start();
            }
        }
    }

    /** Runs a program of ours on the class path. */
    private static Processes.Result run(Path home, Path folder, RunningService service,
            List<String> options, String program, String... arguments) {
        List<String> command = Processes.java(home, "java", options.toArray(new String[0]));
        command.addAll(List.of("-cp", Processes.JAR.toString(),
            PROGRAMS.resolve(program).toString()));
        command.addAll(Arrays.asList(arguments));
        return Processes.run(folder, service.environment(), command);
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void an_application_that_brings_the_jar_is_deployed_many_times_and_leaves_nothing(Path home,
            @TempDir Path folder, RunningService service) throws Exception {
        String output = run(home, folder, service, List.of("-Dkeyward.tmpdir=" + folder),
            "Redeploy.java", Processes.JAR.toString(), service.key("p-256"), "50").succeeded();
        assertTrue(output.contains("nothing is left"), output);
        try (Stream<Path> left = Files.list(folder)) {
            assertEquals(List.of(), left.toList());
        }
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void ten_thousand_virtual_threads_sign_at_once(Path home, @TempDir Path folder,
            RunningService service) throws Exception {
        assumeTrue(Processes.feature(home) >= 21, "Java 17 has no virtual threads");
        String output = run(home, folder, service, List.of(), "ManyThreads.java",
            service.key("p-256")).succeeded();
        assertTrue(output.contains("10000 signed"), output);
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void other_programs_are_started_and_java_ends_in_mid_request(Path home, @TempDir Path folder,
            RunningService service) throws Exception {
        Processes.Result result = run(home, folder, service, List.of(), "ForkAndExit.java",
            service.key("p-256"));
        assertEquals(7, result.status(), result.output());
        assertTrue(result.output().contains("ends in mid-request"), result.output());
        // The service does not mind.
        assertTrue(useKey(home, folder, service, Map.of(), service.key("p-256")).succeeded()
            .contains("signed "));
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void it_works_in_an_image_of_jlink(Path home, @TempDir Path folder, RunningService service)
            throws Exception {
        Path image = folder.resolve("image");
        // JEP 493: since 24 a JDK may do without the files of its modules.
        assumeTrue(Files.isDirectory(home.resolve("jmods")) || Processes.run(folder, Map.of(),
            Processes.java(home, "jlink", "--help")).output()
            .contains("Linking from run-time image enabled"), "this JDK has no modules to link");
        Processes.run(folder, Map.of(), Processes.java(home, "jlink", "--module-path",
            Processes.JAR.toString(), "--add-modules",
            "dev.keyward.jce,jdk.crypto.ec,jdk.compiler", "--output", image.toString()))
            .succeeded();
        List<String> command = Processes.java(image, "java",
            PROGRAMS.resolve("UseKey.java").toString(), service.key("p-256"));
        String output = Processes.run(folder, service.environment(), command).succeeded();
        assertTrue(output.contains("in module dev.keyward.jce"), output);
        assertTrue(output.contains("signed "), output);
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void a_line_in_java_security_brings_it_with_its_settings_to_every_program(Path home,
            @TempDir Path folder, RunningService service) throws Exception {
        String key = service.key("p-256");
        Path settings = Files.writeString(folder.resolve("keyward.toml"),
            "address = \"" + service.address() + "\"\n");
        String listed = Processes.run(folder, Map.of(), Processes.java(home, "keytool",
            "-J-Djava.security.properties="
                + Processes.security(home, folder, "Keyward " + settings),
            "-J-cp", "-J" + Processes.JAR, "-list", "-storetype", "Keyward", "-keystore", "NONE",
            "-storepass", "unused")).succeeded();
        assertTrue(listed.contains(key + ", "), listed);
    }

    @Test
    void tomcat_reloads_an_application_many_times_and_finds_no_leak(@TempDir Path folder,
            RunningService service) throws Exception {
        Path inside = folder.resolve("application/WEB-INF");
        Path classes = inside.resolve("classes/dev/keyward/jce");
        Files.createDirectories(classes);
        Files.createDirectories(inside.resolve("lib"));
        Files.copy(Processes.JAR, inside.resolve("lib/keyward-jce.jar"));
        String name = RedeployedApplication.class.getSimpleName() + ".class";
        Files.copy(Path.of("target/test-classes/dev/keyward/jce", name), classes.resolve(name));
        Files.writeString(inside.resolve("web.xml"), """
            <web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0"
                metadata-complete="true">
              <context-param><param-name>key</param-name><param-value>%s</param-value></context-param>
              <listener><listener-class>%s</listener-class></listener>
            </web-app>
            """.formatted(service.key("rsa-2048"), RedeployedApplication.class.getName()));
        List<String> command = Processes.java(Path.of(System.getProperty("java.home")), "java",
            "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "-Dtomcat.util.scan.StandardJarScanFilter.jarsToSkip=*.jar", "-cp",
            Stream.of(System.getProperty("java.class.path").split(":"))
                .filter(jar -> jar.contains("tomcat") || jar.contains("annotation"))
                .collect(Collectors.joining(":")),
            PROGRAMS.resolve("TomcatRedeploy.java").toString(), folder.toString(), "50");
        String output = Processes.run(folder, service.environment(), command).succeeded();
        assertEquals(51, Pattern.compile("(?m)^signed$").matcher(output).results().count(),
            output);
        assertTrue(output.contains("nothing is left"), output);
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void what_nobody_closes_is_collected_with_its_connections(Path home, @TempDir Path folder,
            RunningService service) throws Exception {
        String output = run(home, folder, service, List.of("-XX:+UseSerialGC"), "GcStorm.java",
            service.key("p-256")).succeeded();
        assertTrue(output.contains("every signature is right"), output);
        assertTrue(output.contains("their connections are gone"), output);
    }

    @Test
    void a_folder_from_which_nothing_may_be_run_is_passed_over_or_explained(@TempDir Path folder,
            RunningService service) throws Exception {
        Path home = Path.of(System.getProperty("java.home"));
        String key = service.key("p-256");
        // A mount that only this program sees, and that goes with it.
        List<String> command = new ArrayList<>(List.of("unshare", "--mount", "sh", "-c",
            "mount -t tmpfs -o noexec tmpfs \"$1\" && shift && exec \"$@\"", "sh",
            folder.toString()));
        assumeTrue(Processes.run(folder, Map.of(), with(command, List.of("true"))).status() == 0,
            "this user may not mount");
        List<String> program = Processes.java(home, "java", "-Djava.io.tmpdir=" + folder, "-cp",
            Processes.JAR.toString(), PROGRAMS.resolve("UseKey.java").toString(), key);
        // The next of the usual folders serves as well.
        String signed = Processes.run(folder, service.environment(), with(command, program))
            .succeeded();
        assertTrue(signed.contains("signed "), signed);
        // A folder that was named is the only one.
        Map<String, String> named = new HashMap<>(service.environment());
        named.put("KEYWARD_TMPDIR", folder.toString());
        String denied = Processes.run(folder, named, with(command, program)).failed();
        assertTrue(denied.contains("noexec") && denied.contains("-Dkeyward.tmpdir=DIR")
            && denied.contains(folder + ": "), denied);
        assertFalse(denied.contains("/var/tmp"), denied);
    }

    private static List<String> with(List<String> command, List<String> more) {
        return Stream.concat(command.stream(), more.stream()).toList();
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void on_the_class_path_it_names_the_option_that_gives_leave(Path home, @TempDir Path folder,
            RunningService service) throws Exception {
        assumeTrue(Processes.feature(home) >= 24, "Java asks for no leave before 24");
        String key = service.key("p-256");
        String denied = useKey(home, folder, service, Map.of(), key,
            "--illegal-native-access=deny").failed();
        assertTrue(denied.contains("--enable-native-access=ALL-UNNAMED"), denied);
        String granted = useKey(home, folder, service, Map.of(), key,
            "--illegal-native-access=deny", "--enable-native-access=ALL-UNNAMED").succeeded();
        assertTrue(granted.contains("signed ") && !granted.contains("WARNING"), granted);
    }
}
