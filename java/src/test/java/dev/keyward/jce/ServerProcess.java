package dev.keyward.jce;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** A server of a test in its own process, from the line with its port to the end of the test. */
final class ServerProcess implements AutoCloseable {
    private static final Pattern PORT = Pattern.compile("(?<=ports |localhost:|\\d )\\d+");

    private final Process process;
    private final Path log;
    private final List<Integer> ports;

    ServerProcess(Map<String, String> environment, List<String> command) throws IOException {
        log = Files.createTempFile("server", null);
        ProcessBuilder builder = new ProcessBuilder(command)
            .redirectError(ProcessBuilder.Redirect.to(log.toFile()));
        builder.environment().putAll(environment);
        process = builder.start();
        BufferedReader lines = new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        String line = lines.readLine();
        ports = PORT.matcher(line == null ? "" : line).results().map(MatchResult::group)
            .map(Integer::valueOf).toList();
        if (ports.isEmpty()) {
            close();
            throw new AssertionError("the server did not start: " + line + "\n" + log());
        }
    }

    List<Integer> ports() {
        return ports;
    }

    String log() throws IOException {
        return Files.readString(log);
    }

    @Override
    public void close() throws IOException {
        process.destroy();
        try {
            if (!process.waitFor(20, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException failure) {
            throw new AssertionError(failure);
        }
    }
}
