package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.UnrecoverableKeyException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import javax.security.auth.callback.PasswordCallback;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two users of one local user, each with a PIN: what KeyStore's ways to give one come to. */
class PinTest {
    private static final String ALICE = "correct horse";
    private static final String BOB = "battery staple";

    @TempDir
    static Path folder;

    private static RunningService service;

    @BeforeAll
    static void start() throws Exception {
        service = RunningService.withPins(folder, List.of("alice", "bob"), List.of(ALICE, BOB));
        for (String user : List.of("alice", "bob")) {
            service.keyward("--user", user, "--pin-file", folder.resolve(user).toString(),
                "key", "generate", "key-of-" + user, "--type", "p-256").succeeded();
        }
    }

    @AfterAll
    static void stop() throws Exception {
        service.close();
    }

    private static KeywardProvider provider(String user) {
        return (KeywardProvider) new KeywardProvider().configure(
            "address=" + service.address() + ", retry_for=5s, user=" + user);
    }

    private static KeyStore keys(KeywardProvider provider) throws Exception {
        return KeyStore.getInstance("Keyward", provider);
    }

    private static void signs(KeyStore keys, String alias) throws Exception {
        Signature signature = Signature.getInstance("SHA256withECDSA", keys.getProvider());
        signature.initSign((PrivateKey) keys.getKey(alias, null));
        signature.update(new byte[10]);
        assertTrue(signature.sign().length > 60);
    }

    @Test
    void the_password_is_the_pin_and_a_wrong_one_fails_as_a_wrong_password_does() throws Exception {
        KeywardProvider provider = provider("alice");
        KeyStore keys = keys(provider);
        IOException missing = assertThrows(IOException.class, () -> keys.load(null, null));
        assertTrue(missing.getMessage().contains("PIN"), missing.getMessage());
        IOException wrong = assertThrows(IOException.class,
            () -> keys.load(null, "no such PIN".toCharArray()));
        assertInstanceOf(UnrecoverableKeyException.class, wrong.getCause());

        char[] pin = ALICE.toCharArray();
        keys.load(null, pin);
        assertArrayEquals(ALICE.toCharArray(), pin);
        assertEquals(List.of("key-of-alice"), Collections.list(keys.aliases()));
        signs(keys, "key-of-alice");
        // Also once it has been given, and nobody else's.
        IOException again = assertThrows(IOException.class,
            () -> keys(provider).load(null, BOB.toCharArray()));
        assertInstanceOf(UnrecoverableKeyException.class, again.getCause());
        signs(keys, "key-of-alice");
    }

    @Test
    void two_providers_are_two_users() throws Exception {
        KeyStore ofAlice = keys(provider("alice"));
        KeyStore ofBob = keys(provider("bob"));
        ofAlice.load(null, ALICE.toCharArray());
        ofBob.load(null, BOB.toCharArray());
        assertEquals(List.of("key-of-alice"), Collections.list(ofAlice.aliases()));
        assertEquals(List.of("key-of-bob"), Collections.list(ofBob.aliases()));
        signs(ofAlice, "key-of-alice");
        signs(ofBob, "key-of-bob");
        KeyStore another = keys(provider("bob"));
        assertThrows(IOException.class, () -> another.load(null, null));
    }

    @Test
    void a_callback_is_asked_where_a_pin_is_wanted_and_once() throws Exception {
        KeywardProvider provider = provider("alice");
        AtomicInteger asked = new AtomicInteger();
        KeyStore.ProtectionParameter protection = new KeyStore.CallbackHandlerProtection(all -> {
            asked.incrementAndGet();
            ((PasswordCallback) all[0]).setPassword(ALICE.toCharArray());
        });
        KeyStore built = KeyStore.Builder.newInstance("Keyward", provider, protection)
            .getKeyStore();
        signs(built, "key-of-alice");
        keys(provider).load(() -> protection);
        assertEquals(1, asked.get());

        KeyStore given = keys(provider("bob"));
        given.load(() -> new KeyStore.PasswordProtection(BOB.toCharArray()));
        signs(given, "key-of-bob");
    }

    @Test
    void a_key_store_file_takes_its_password_and_a_pin_file_needs_none() throws Exception {
        String text = "# Keyward key store\nuser = \"bob\"\naddress = \"" + service.address()
            + "\"\n";
        KeyStore keys = keys(provider("alice"));
        keys.load(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)),
            BOB.toCharArray());
        signs(keys, "key-of-bob");

        text += "pin_file = \"" + folder.resolve("bob") + "\"\n";
        keys.load(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)),
            "what frameworks insist on".toCharArray());
        signs(keys, "key-of-bob");
    }

    @Test
    void keytool_gives_the_pin_as_the_password_of_the_store() throws Exception {
        for (Path home : Processes.javaHomes().toList()) {
            List<String> command = new ArrayList<>(Processes.java(home, "keytool", "-list"));
            command.addAll(List.of("-storetype", "Keyward", "-keystore", "NONE", "-providerpath",
                Processes.JAR.toString(), "-providerclass", KeywardProvider.class.getName(),
                "-providerarg", "address=" + service.address() + ", user=alice", "-storepass"));
            List<String> right = new ArrayList<>(command);
            right.add(ALICE);
            String listed = Processes.run(folder, service.environment(), right).succeeded();
            assertTrue(listed.contains("key-of-alice"), listed);
            command.add("no such PIN");
            Processes.run(folder, service.environment(), command).failed();
        }
    }
}
