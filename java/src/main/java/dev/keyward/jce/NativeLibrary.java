package dev.keyward.jce;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Finds and loads the native library: the one inside the jar, unpacked into a private folder that
 * is gone again right after, or the file that the property {@code keyward.library} (environment
 * {@code KEYWARD_LIBRARY}) names.
 *
 * <p>A library has to be a file for {@code System.load}, on a file system whose files may be run.
 */
final class NativeLibrary {
    private static final String FILE = "libkeyward_jce.so";
    private static final FileAttribute<Set<PosixFilePermission>> PRIVATE =
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

    /** Why it could not be loaded; null if it is there. */
    private static final KeywardException FAILURE = loaded();

    /**
     * Loads the library and checks its version, once for this class loader. An exception and no Error,
     * so that it comes to callers in the form in which they expect failures.
     */
    static void need() throws KeywardException {
        if (FAILURE != null) {
            throw new KeywardException(FAILURE);
        }
    }

    private static KeywardException loaded() {
        String installed = setting("keyward.library", "KEYWARD_LIBRARY");
        try {
            if (installed != null) {
                loadInstalled(Path.of(installed).toAbsolutePath());
            } else {
                loadFromJar();
            }
            checkVersion();
            return null;
        } catch (KeywardException failure) {
            return failure;
        } catch (IllegalCallerException denied) {
            // Of Java 24 and later.
            return failure("this Java does not let Keyward load its native library ("
                + denied.getMessage() + ")", "start it with --enable-native-access="
                + (NativeLibrary.class.getModule().isNamed() ? "dev.keyward.jce" : "ALL-UNNAMED"),
                denied);
        }
    }

    private static void loadInstalled(Path file) throws KeywardException {
        try {
            link(file);
        } catch (UnsatisfiedLinkError failure) {
            throw failure("the Keyward native library cannot be loaded: " + failure.getMessage(),
                "-Dkeyward.library or KEYWARD_LIBRARY names it; without them the jar's own is used",
                failure);
        }
    }

    /** Unpacks the library into the first folder from which it can be loaded. */
    private static void loadFromJar() throws KeywardException {
        String resource = "/META-INF/native/" + platform() + "/" + FILE;
        if (NativeLibrary.class.getResource(resource) == null) {
            throw failure("this Keyward jar holds no native library for " + platform(),
                "build it there, or name the library's file by -Dkeyward.library=FILE", null);
        }
        StringBuilder tried = new StringBuilder();
        Throwable last = null;
        for (Path folder : folders()) {
            try {
                loadFrom(resource, folder);
                return;
            } catch (IOException | UnsatisfiedLinkError failure) {
                // Not writable, say, or mounted noexec.
                tried.append("; ").append(folder).append(": ").append(failure.getMessage());
                last = failure;
            }
        }
        throw failure("the Keyward native library cannot be loaded from any folder" + tried,
            "name one that is writable and not mounted noexec by -Dkeyward.tmpdir=DIR or"
            + " KEYWARD_TMPDIR", last);
    }

    /** The one that was named; else the usual places for what is short-lived. */
    private static List<Path> folders() {
        String named = setting("keyward.tmpdir", "KEYWARD_TMPDIR");
        if (named != null) {
            return List.of(Path.of(named));
        }
        return Stream.of(System.getProperty("java.io.tmpdir"), System.getenv("XDG_RUNTIME_DIR"),
                System.getProperty("user.home") + "/.cache", "/var/tmp")
            .filter(folder -> folder != null && !folder.isEmpty()).map(Path::of)
            .filter(Path::isAbsolute).distinct().toList();
    }

    private static void loadFrom(String resource, Path base) throws IOException {
        // Created at once with these rights under a name nobody could guess, so no other user can
        // put a library of his own in its place.
        Path folder = Files.createTempDirectory(base, "keyward-", PRIVATE);
        Path file = folder.resolve(FILE);
        try (InputStream in = NativeLibrary.class.getResourceAsStream(resource)) {
            Files.copy(in, file);
            link(file);
        } finally {
            // A loaded library needs its file no longer.
            Files.deleteIfExists(file);
            Files.deleteIfExists(folder);
        }
    }

    @SuppressWarnings("restricted")
    private static void link(Path file) {
        System.load(file.toString());
    }

    private static void checkVersion() throws KeywardException {
        String version = Native.version();
        if (!version.equals(AlgorithmTable.VERSION)) {
            throw failure("the Keyward native library is of version " + version
                + " and this jar of version " + AlgorithmTable.VERSION, "take both from one build",
                null);
        }
    }

    private static KeywardException failure(String message, String hint, Throwable cause) {
        return new KeywardException(ErrorKind.UNSUPPORTED, message, hint, cause);
    }

    private static String platform() {
        String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String machine = System.getProperty("os.arch");
        return system + "-" + (machine.equals("amd64") ? "x86_64" : machine);
    }

    private static String setting(String property, String variable) {
        String value = System.getProperty(property);
        return value != null ? value : System.getenv(variable);
    }

    private NativeLibrary() {}
}
