package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.security.KeyStore;
import java.security.KeyStoreException;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A KeyStore shows the keys that its filter admits, whichever way it is asked. */
@ExtendWith(RunningService.Extension.class)
class KeyFilterTest {
    private static TreeSet<String> aliases(RunningService service, KeyFilter filter)
            throws Exception {
        KeyStore keys = KeyStore.getInstance("Keyward", service.provider());
        keys.load(filter);
        return new TreeSet<>(Collections.list(keys.aliases()));
    }

    @Test
    void keys_are_found_by_alias_type_owner_and_use(RunningService service) throws Exception {
        service.key("filter-web", "p-256");
        service.key("filter-api", "ed25519");
        service.key("filter-dh", "x25519");
        KeyFilter mine = KeyFilter.all().withAliases("filter-*");
        assertEquals(new TreeSet<>(List.of("filter-web", "filter-api", "filter-dh")),
            aliases(service, mine));
        assertEquals(new TreeSet<>(List.of("filter-web")),
            aliases(service, mine.ofTypes("p-*", "rsa-*")));
        assertEquals(new TreeSet<>(List.of("filter-dh")),
            aliases(service, mine.usableFor(KeyRight.DERIVE)));
        assertEquals(new TreeSet<>(), aliases(service, mine.ownedBy("somebody-else")));
        assertEquals(aliases(service, mine),
            aliases(service, mine.ownedBy(service.privateKey("filter-web").keyOwner())));
        assertTrue(aliases(service, KeyFilter.all()).containsAll(aliases(service, mine)));
    }

    @Test
    void what_is_filtered_out_is_not_there(RunningService service) throws Exception {
        service.key("hidden-key", "p-256");
        KeyStore keys = KeyStore.getInstance("Keyward", service.provider());
        keys.load(KeyFilter.all().ofTypes("ed25519"));
        assertNull(keys.getKey("hidden-key", null));
        assertFalse(keys.containsAlias("hidden-key"));
        keys.deleteEntry("hidden-key");
        assertNotNull(service.privateKey("hidden-key"));
        KeyStore named = KeyStore.getInstance("Keyward", service.provider());
        named.load(KeyFilter.all().withAliases("filter-a*"));
        assertThrows(KeyStoreException.class, () -> named.setKeyEntry("filter-b",
            service.privateKey("hidden-key"), null,
            service.keyStore().getCertificateChain("hidden-key")));
    }

    @Test
    void a_builder_makes_the_key_store_too(RunningService service) throws Exception {
        String key = service.key("p-256");
        KeyStore keys = KeyStore.Builder.newInstance("Keyward", service.provider(),
            new KeyStore.PasswordProtection("unused".toCharArray())).getKeyStore();
        assertNotNull(keys.getKey(key, null));
    }
}
