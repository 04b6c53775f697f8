package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.security.Provider;
import java.security.SecureRandom;
import java.security.Security;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The service's random bytes are had by name, and by name alone. */
@ExtendWith(RunningService.Extension.class)
class SecureRandomTest {
    @Test
    void it_gives_bytes_of_any_number(RunningService service) throws Exception {
        SecureRandom random = SecureRandom.getInstance("Keyward", service.provider());
        byte[] large = new byte[200_001];
        random.nextBytes(large);
        // The last part was filled too: 20 zero bytes in a row do not happen.
        assertFalse(Arrays.equals(new byte[20],
            Arrays.copyOfRange(large, large.length - 20, large.length)));
        assertNotEquals(random.nextLong(), random.nextLong());
        assertEquals(24, random.generateSeed(24).length);
        random.setSeed(7);
        random.nextBytes(new byte[0]);
    }

    @Test
    void it_never_becomes_the_default(RunningService service) throws Exception {
        Provider provider = service.provider();
        Security.insertProviderAt(provider, 1);
        try {
            assertFalse(new SecureRandom().getProvider() instanceof KeywardProvider);
            assertFalse(SecureRandom.getInstanceStrong().getProvider() instanceof KeywardProvider);
            assertTrue(SecureRandom.getInstance("keyward").getProvider()
                instanceof KeywardProvider);
            assertTrue(Security.getAlgorithms("SecureRandom").size() > 1);
        } finally {
            Security.removeProvider("Keyward");
        }
    }
}
