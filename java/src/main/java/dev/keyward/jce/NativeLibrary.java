package dev.keyward.jce;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Locale;
import java.util.Set;
import java.nio.file.attribute.PosixFilePermission;

/**
 * Finds and loads the native library: the one inside the jar, unpacked into a private folder that
 * is gone again right after, or the file that the property {@code keyward.library} (environment
 * {@code KEYWARD_LIBRARY}) names.
 */
final class NativeLibrary {
    private static final String FILE = "libkeyward_jce.so";
    private static final FileAttribute<Set<PosixFilePermission>> PRIVATE =
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

    /** Loads the library and checks its version. */
    static void load() {
        String installed = setting("keyward.library", "KEYWARD_LIBRARY");
        if (installed != null) {
            link(Path.of(installed).toAbsolutePath(), "");
        } else {
            loadFromJar();
        }
        checkVersion();
    }

    private static void loadFromJar() {
        String resource = "/META-INF/native/" + platform() + "/" + FILE;
        try (InputStream packed = NativeLibrary.class.getResourceAsStream(resource)) {
            if (packed == null) {
                throw new UnsatisfiedLinkError("this Keyward jar holds no native library for "
                    + platform() + "; build it there, or name the library's file by"
                    + " -Dkeyward.library=FILE");
            }
            // Created at once with these rights under a name nobody could guess, so no other user
            // can put a library of his own in its place.
            String base = setting("keyward.tmpdir", "KEYWARD_TMPDIR");
            Path folder = base == null
                ? Files.createTempDirectory("keyward-", PRIVATE)
                : Files.createTempDirectory(Path.of(base), "keyward-", PRIVATE);
            Path file = folder.resolve(FILE);
            try {
                Files.copy(packed, file);
                link(file, "; where that folder is mounted noexec, name another by"
                    + " -Dkeyward.tmpdir=DIR or KEYWARD_TMPDIR");
            } finally {
                // A loaded library needs its file no longer.
                Files.deleteIfExists(file);
                Files.deleteIfExists(folder);
            }
        } catch (IOException failure) {
            throw linkError("the Keyward native library cannot be unpacked (" + failure
                + "); name another folder by -Dkeyward.tmpdir=DIR or KEYWARD_TMPDIR", failure);
        }
    }

    @SuppressWarnings("restricted")
    private static void link(Path file, String advice) {
        try {
            System.load(file.toString());
        } catch (UnsatisfiedLinkError failure) {
            throw linkError("the Keyward native library cannot be loaded: "
                + failure.getMessage() + advice, failure);
        } catch (RuntimeException failure) {
            // IllegalCallerException, of Java 24 and later.
            throw linkError("this Java does not let Keyward load its native library ("
                + failure.getMessage() + "); start it with --enable-native-access="
                + (NativeLibrary.class.getModule().isNamed() ? "dev.keyward.jce" : "ALL-UNNAMED"),
                failure);
        }
    }

    private static void checkVersion() {
        String version;
        try {
            version = Native.version();
        } catch (KeywardException failure) {
            throw linkError("the Keyward native library does not answer: " + failure.getMessage(),
                failure);
        }
        if (!version.equals(AlgorithmTable.VERSION)) {
            throw new UnsatisfiedLinkError("the Keyward native library is of version " + version
                + " and this jar of version " + AlgorithmTable.VERSION
                + "; take both from one build");
        }
    }

    private static UnsatisfiedLinkError linkError(String message, Throwable cause) {
        UnsatisfiedLinkError error = new UnsatisfiedLinkError(message);
        error.initCause(cause);
        return error;
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
