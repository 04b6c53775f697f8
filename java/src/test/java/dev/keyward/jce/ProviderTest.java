package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.NotSerializableException;
import java.io.ObjectOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.InvalidParameterException;
import java.security.KeyStore;
import java.security.Provider;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(RunningService.Extension.class)
class ProviderTest {
    @Test
    void every_service_can_be_made_without_the_service() throws Exception {
        Provider provider =
            new KeywardProvider().configure("address=unix:/nowhere/hsm.sock, retry_for=0");
        assertEquals("Keyward", provider.getName());
        assertFalse(provider.getServices().isEmpty());
        for (Provider.Service service : provider.getServices()) {
            Object spi = service.newInstance(null);
            assertEquals(service.getClassName(), spi.getClass().getName());
            assertThrows(InvalidParameterException.class, () -> service.newInstance(1));
        }
    }

    @Test
    void every_service_that_uses_keys_takes_ours_and_no_others() throws Exception {
        for (Provider.Service service : new KeywardProvider().getServices()) {
            String classes = service.getAttribute("SupportedKeyClasses");
            if (!List.of("Signature", "Cipher", "KeyAgreement", "Mac").contains(service.getType())) {
                continue;
            }
            assertNotNull(classes, service.toString());
            for (String name : classes.split("\\|")) {
                Class<?> taken = Class.forName(name);
                assertTrue(KeywardKey.class.isAssignableFrom(taken)
                    || PublicKey.class.isAssignableFrom(taken), name);
            }
        }
    }

    @Test
    void configure_gives_another_provider(@TempDir Path folder, RunningService service)
            throws Exception {
        KeywardProvider unconfigured = new KeywardProvider();
        Path file = Files.writeString(folder.resolve("client.toml"),
            "# settings\naddress = \"" + service.address() + "\"\n");
        for (String argument : new String[] {"address=" + service.address(), file.toString(),
                "address = \"" + service.address() + "\", connect_timeout=500ms",
                "address=unix:/nowhere/a.sock," + service.address() + ",retry_for=2"}) {
            Provider provider = unconfigured.configure(argument);
            assertNotEquals(System.identityHashCode(unconfigured),
                System.identityHashCode(provider));
            KeyStore keys = KeyStore.getInstance("Keyward", provider);
            keys.load(null, null);
        }
        assertThrows(InvalidParameterException.class,
            () -> unconfigured.configure(folder.resolve("missing").toString()));
    }

    @Test
    void neither_the_provider_nor_its_random_bytes_can_be_serialised() throws Exception {
        KeywardProvider provider = new KeywardProvider();
        for (Object object : List.of(provider, SecureRandom.getInstance("Keyward", provider))) {
            assertThrows(NotSerializableException.class,
                () -> new ObjectOutputStream(new ByteArrayOutputStream()).writeObject(object));
        }
    }
}
