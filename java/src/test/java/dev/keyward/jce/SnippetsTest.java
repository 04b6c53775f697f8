package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Security;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** What the documentation shows is what works. */
@ExtendWith(RunningService.Extension.class)
class SnippetsTest {
    private static final Path SOURCES = Path.of("src/main/java/dev/keyward/jce");
    private static final Pattern SNIPPET = Pattern.compile("(?s)<pre>\\{@code\n(.*?)\\}</pre>");
    private static final String PROGRAM = """
        import static dev.keyward.jce.SnippetFixtures.*;
        import dev.keyward.jce.*;
        import java.security.*;
        import java.time.Instant;
        import javax.crypto.*;
        import javax.crypto.spec.*;
        import javax.net.ssl.*;

        public class Snippet {
            public static void main(String[] arguments) throws Exception {
        %s
            }
        }
        """;

    @TempDir
    Path folder;

    /** The snippets of each public type and of the package, by file. */
    private static Map<String, List<String>> snippets() throws Exception {
        Map<String, List<String>> snippets = new TreeMap<>();
        try (Stream<Path> files = Files.list(SOURCES)) {
            for (Path file : files.toList()) {
                String source = Files.readString(file);
                String name = file.getFileName().toString();
                if (Pattern.compile("(?m)^public ").matcher(source).find()
                        || name.equals("package-info.java")) {
                    snippets.put(name, SNIPPET.matcher(source).results()
                        .map(match -> match.group(1).replaceAll("(?m)^ \\* ?", "")).toList());
                }
            }
        }
        return snippets;
    }

    @Test
    void every_public_type_shows_how_it_is_used_and_what_it_shows_runs() throws Exception {
        try (RunningService service = new RunningService()) {
            Security.addProvider(service.provider());
            for (var ofFile : snippets().entrySet()) {
                assertFalse(ofFile.getValue().isEmpty(), ofFile.getKey() + " shows nothing");
                for (String snippet : ofFile.getValue()) {
                    SnippetFixtures.prepare(service, folder,
                        snippet.contains("named(\"web\")"));
                    try {
                        run(snippet);
                    } catch (Exception | AssertionError failure) {
                        throw new AssertionError(ofFile.getKey() + "\n" + snippet, failure);
                    }
                }
            }
        } finally {
            Security.removeProvider("Keyward");
        }
    }

    private void run(String snippet) throws Exception {
        Path source = Files.writeString(folder.resolve("Snippet.java"),
            PROGRAM.formatted(snippet));
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        int status = ToolProvider.getSystemJavaCompiler().run(null, said, said, "-cp",
            System.getProperty("java.class.path"), "-d", folder.toString(), source.toString());
        assertEquals(0, status, said.toString(StandardCharsets.UTF_8));
        try (URLClassLoader loader = new URLClassLoader(
                new URL[] {folder.toUri().toURL()}, getClass().getClassLoader())) {
            loader.loadClass("Snippet").getMethod("main", String[].class)
                .invoke(null, (Object) new String[0]);
        }
    }

    @Test
    void the_first_program_of_the_manual_signs(RunningService service) throws Exception {
        Matcher block = Pattern.compile("(?s)```java\n(import java.*?public class First.*?)```")
            .matcher(Files.readString(Path.of("../docs/java.md")));
        assertTrue(block.find());
        service.key("web", "p-256");
        Files.writeString(folder.resolve("First.java"), block.group(1));
        List<String> command = Processes.java(Path.of(System.getProperty("java.home")), "java",
            "-cp", Processes.JAR.toString(), "First.java");
        String printed = Processes.run(folder, service.environment(), command).succeeded();
        // Java 24 and later warn of native code before.
        String last = printed.strip().replaceAll("(?s).*\n", "");
        byte[] signature = Base64.getDecoder().decode(last);
        assertTrue(signature.length > 60, printed);
    }
}
