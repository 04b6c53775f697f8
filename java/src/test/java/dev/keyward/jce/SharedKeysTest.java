package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What another user sees of keys, and may do with them. Only root can become another user. */
class SharedKeysTest {
    private static final String OTHER = "www-data";

    @Test
    void another_user_uses_what_is_granted_and_learns_nothing_of_the_rest(@TempDir Path folder)
            throws Exception {
        assumeTrue(System.getProperty("user.name").equals("root"), "needs root");
        try (RunningService service = RunningService.forUsers("root", OTHER)) {
            service.key("usable", "p-256");
            service.key("visible", "p-256");
            service.key("hidden", "p-256");
            service.keyward("key", "share", "usable", OTHER).succeeded();
            service.keyward("key", "share", "visible", OTHER, "--rights", "see").succeeded();

            String seen = asOther(folder, service, "root/usable", "usable", "root/visible",
                "root/hidden");
            assertTrue(seen.contains("root/usable: key true, certificate false\n"), seen);
            assertTrue(seen.contains("root/visible: key false, certificate false\n"), seen);
            assertFalse(seen.contains("root/hidden: key t"), seen);
            assertTrue(seen.contains("root/hidden key: null\n"), seen);
            assertTrue(seen.contains("\nroot/usable signs: true\n"), seen);
            assertTrue(seen.contains("\nusable signs: true\n"), seen);
            assertTrue(seen.contains("root/visible key: UnrecoverableKeyException"), seen);
            assertTrue(seen.contains("root/usable renames: KeyStoreException"), seen);
            assertTrue(seen.contains("root/usable deletes: KeyStoreException"), seen);
            service.keyward("key", "show", "usable").succeeded();
        }
    }

    private static String asOther(Path folder, RunningService service, String... aliases)
            throws Exception {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        Path jar = Files.copy(Processes.JAR, folder.resolve("keyward-jce.jar"));
        Path program = Files.copy(Path.of("src/test/programs/SharedKeys.java"),
            folder.resolve("SharedKeys.java"));
        List<String> command = Processes.java(Path.of(System.getProperty("java.home")), "java",
            "-cp", jar.toString(), program.toString());
        command.addAll(List.of(aliases));
        command.addAll(0, List.of("setpriv", "--reuid", OTHER, "--regid", OTHER,
            "--clear-groups"));
        return Processes.run(folder, service.environment(), command).succeeded();
    }
}
