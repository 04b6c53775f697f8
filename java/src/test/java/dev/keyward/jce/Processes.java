package dev.keyward.jce;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Runs other programs, and finds the Java installations to try. */
final class Processes {
    static final long LIMIT_SECONDS = 300;
    /** The jar under test. */
    static final Path JAR = Path.of(System.getProperty("keyward.jar")).toAbsolutePath();

    /** What a program printed and how it ended. */
    record Result(int status, String output) {
        /** The output of a program that was to succeed. */
        String succeeded() {
            if (status != 0) {
                throw new AssertionError("exit status " + status + "\n" + output);
            }
            return output;
        }

        /** The output of a program that was to fail. */
        String failed() {
            if (status == 0) {
                throw new AssertionError("it did not fail\n" + output);
            }
            return output;
        }
    }

    /** Runs a program to its end; standard output and errors come together. */
    static Result run(Path directory, Map<String, String> environment, List<String> command) {
        return run(directory, environment, command, "");
    }

    static Result run(Path directory, Map<String, String> environment, List<String> command,
            String input) {
        try {
            Path output = Files.createTempFile("output", null);
            try {
                ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true)
                    .redirectOutput(output.toFile()).directory(directory.toFile());
                builder.environment().putAll(environment);
                Process process = builder.start();
                try (var stdin = process.getOutputStream()) {
                    stdin.write(input.getBytes(StandardCharsets.UTF_8));
                } catch (IOException endedBeforeReading) {
                    // Not every program reads its input.
                }
                if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
                    process.destroyForcibly().waitFor();
                    throw new AssertionError("still running: " + command + "\n"
                        + Files.readString(output));
                }
                return new Result(process.exitValue(), Files.readString(output));
            } finally {
                Files.delete(output);
            }
        } catch (IOException | InterruptedException failure) {
            throw new AssertionError(command.toString(), failure);
        }
    }

    /** Looks again and again until this is so. */
    static void await(Callable<Boolean> condition) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (!condition.call()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("not so after " + LIMIT_SECONDS + " s");
            }
            Thread.sleep(50);
        }
    }

    /** A program of a Java installation, with arguments. */
    static List<String> java(Path home, String program, String... arguments) {
        List<String> command = new ArrayList<>();
        command.add(home.resolve("bin").resolve(program).toString());
        command.addAll(Arrays.asList(arguments));
        return command;
    }

    /** The Java installations here: this one, and those beside it of 17 and later. */
    static Stream<Path> javaHomes() throws IOException {
        Path own = Path.of(System.getProperty("java.home")).toRealPath();
        List<Path> homes = new ArrayList<>(List.of(own));
        Path parent = own.getParent();
        try (Stream<Path> beside = Files.list(parent)) {
            beside.filter(home -> Files.isExecutable(home.resolve("bin/javac")))
                .filter(home -> feature(home) >= 17)
                .map(Processes::real).filter(home -> !homes.contains(home)).sorted()
                .forEach(homes::add);
        }
        return homes.stream().distinct();
    }

    /** The feature number of a Java installation: 17, 25. */
    static int feature(Path home) {
        try {
            String release = Files.readString(home.resolve("release"));
            String version = release.replaceAll("(?s).*JAVA_VERSION=\"([0-9]+).*", "$1");
            return Integer.parseInt(version);
        } catch (IOException | NumberFormatException none) {
            return 0;
        }
    }

    /** A file for -Djava.security.properties, by which Java finds Keyward behind its own providers. */
    static Path security(Path home, Path folder, String provider) throws IOException {
        Properties properties = new Properties();
        try (var in = Files.newInputStream(home.resolve("conf/security/java.security"))) {
            properties.load(in);
        }
        int number = 1;
        while (properties.containsKey("security.provider." + number)) {
            number++;
        }
        return Files.writeString(folder.resolve("keyward.security"),
            "security.provider." + number + "=" + provider + "\n");
    }

    private static Path real(Path path) {
        try {
            return path.toRealPath();
        } catch (IOException failure) {
            throw new AssertionError(failure);
        }
    }

    private Processes() {}
}
