package dev.keyward.jce;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** A server of a test in its own process, from the line with its port to the end of the test. */
final class ServerProcess implements AutoCloseable {
    private static final Pattern PORT =
        Pattern.compile("(?<=ports |localhost:|127\\.0\\.0\\.1:|\\d )\\d+");

    private final Process process;
    private final Path log;
    private final BufferedReader lines;
    private final List<Integer> ports;

    ServerProcess(Map<String, String> environment, List<String> command) throws IOException {
        this(Path.of("."), environment, command);
    }

    ServerProcess(Path directory, Map<String, String> environment, List<String> command)
            throws IOException {
        log = Files.createTempFile("server", null);
        log.toFile().deleteOnExit();
        ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile())
            .redirectError(ProcessBuilder.Redirect.to(log.toFile()));
        builder.environment().putAll(environment);
        process = builder.start();
        lines = new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        ports = PORT.matcher(line(PORT)).results().map(MatchResult::group).map(Integer::valueOf)
            .toList();
    }

    /** The next line in which this is found. */
    private String line(Pattern wanted) throws IOException {
        CompletableFuture<String> found = CompletableFuture.supplyAsync(
            () -> lines.lines().filter(wanted.asPredicate()).findFirst().orElse(null));
        try {
            String line = found.get(Processes.LIMIT_SECONDS, TimeUnit.SECONDS);
            if (line != null) {
                return line;
            }
        } catch (ExecutionException | InterruptedException | TimeoutException failure) {
            close();
            throw new AssertionError("no " + wanted + " from the server\n" + log(), failure);
        }
        close();
        throw new AssertionError("the server ended without " + wanted + "\n" + log());
    }

    /** Has an example program read its certificates anew. */
    void reload() throws IOException {
        process.getOutputStream().write('\n');
        process.getOutputStream().flush();
        line(Pattern.compile("reloaded"));
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
