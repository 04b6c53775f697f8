package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.KeyStoreException;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Collections;
import java.util.Date;
import java.util.List;
import java.util.Map;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What holds for every KeyStore: said of the JDK's own PKCS12, which has to agree that it is so, and of
 * Keyward, told to import what it is given.
 */
@ExtendWith(RunningService.Extension.class)
class KeyStoreContractTest {
    private static final char[] PASSWORD = "changeit".toCharArray();
    private static final KeyStore.ProtectionParameter PROTECTION =
        new KeyStore.PasswordProtection(PASSWORD);
    /** The key's own, and that of its issuer. */
    private static Certificate[] chain;
    private static PrivateKey key;

    @BeforeAll
    static void make_a_key_with_a_chain(@TempDir Path folder) throws Exception {
        for (String command : List.of(
                "req -x509 -newkey rsa:2048 -nodes -subj /CN=Root -keyout root.key -out root.pem",
                "ecparam -name prime256v1 -genkey -noout -out leaf.key",
                "pkcs8 -topk8 -nocrypt -in leaf.key -outform DER -out leaf.der",
                "req -new -key leaf.key -subj /CN=Leaf -out leaf.csr",
                "x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -out leaf.pem")) {
            Processes.run(folder, Map.of(), List.of(("openssl " + command).split(" ")))
                .succeeded();
        }
        key = KeyFactory.getInstance("EC").generatePrivate(
            new PKCS8EncodedKeySpec(Files.readAllBytes(folder.resolve("leaf.der"))));
        chain = new Certificate[] {
            certificate(folder.resolve("leaf.pem")), certificate(folder.resolve("root.pem"))};
    }

    private static Certificate certificate(Path file) throws Exception {
        return CertificateFactory.getInstance("X.509")
            .generateCertificate(new ByteArrayInputStream(Files.readAllBytes(file)));
    }

    private static KeyStore fresh(String type, RunningService service) throws Exception {
        return type.equals("Keyward") ? KeyStore.getInstance(type,
            new KeywardProvider().configure("import=yes, address=" + service.address()))
            : KeyStore.getInstance(type);
    }

    private static KeyStore loaded(String type, RunningService service) throws Exception {
        KeyStore keys = fresh(type, service);
        keys.load(null, PASSWORD);
        return keys;
    }

    private static void assertRefused(Class<? extends Throwable> failure, Executable... calls) {
        for (Executable call : calls) {
            assertThrows(failure, call);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"PKCS12", "Keyward"})
    void before_it_is_loaded_it_answers_nothing(String type, RunningService service)
            throws Exception {
        KeyStore keys = fresh(type, service);
        assertRefused(KeyStoreException.class, keys::aliases, keys::size,
            () -> keys.containsAlias("a"), () -> keys.isKeyEntry("a"),
            () -> keys.isCertificateEntry("a"), () -> keys.getKey("a", PASSWORD),
            () -> keys.getCertificate("a"), () -> keys.getCertificateChain("a"),
            () -> keys.getCreationDate("a"), () -> keys.getCertificateAlias(chain[0]),
            () -> keys.setKeyEntry("a", key, PASSWORD, chain),
            () -> keys.setCertificateEntry("a", chain[0]), () -> keys.deleteEntry("a"),
            () -> keys.getEntry("a", PROTECTION),
            () -> keys.setEntry("a", new KeyStore.TrustedCertificateEntry(chain[0]), null),
            () -> keys.entryInstanceOf("a", KeyStore.PrivateKeyEntry.class),
            () -> keys.store(null, PASSWORD));
    }

    @ParameterizedTest
    @ValueSource(strings = {"PKCS12", "Keyward"})
    void null_is_no_alias_and_no_entry(String type, RunningService service) throws Exception {
        KeyStore keys = loaded(type, service);
        assertRefused(NullPointerException.class, () -> keys.getEntry(null, PROTECTION),
            () -> keys.setEntry(null, new KeyStore.TrustedCertificateEntry(chain[0]), null),
            () -> keys.setEntry("a", null, null),
            () -> keys.entryInstanceOf(null, KeyStore.PrivateKeyEntry.class),
            () -> keys.entryInstanceOf("a", null));
        assertRefused(IllegalArgumentException.class,
            () -> keys.setKeyEntry("a", key, PASSWORD, null),
            () -> keys.setKeyEntry("a", key, PASSWORD, new Certificate[0]));
    }

    @ParameterizedTest
    @ValueSource(strings = {"PKCS12", "Keyward"})
    void what_is_not_there_is_nothing_and_is_deleted_without_complaint(String type,
            RunningService service) throws Exception {
        KeyStore keys = loaded(type, service);
        assertAbsent(keys, "absent");
        keys.deleteEntry("absent");
        assertNull(keys.getCertificateAlias(chain[1]));
    }

    private static void assertAbsent(KeyStore keys, String alias) throws Exception {
        assertFalse(keys.containsAlias(alias));
        assertFalse(Collections.list(keys.aliases()).contains(alias));
        assertFalse(keys.isKeyEntry(alias));
        assertFalse(keys.isCertificateEntry(alias));
        assertNull(keys.getKey(alias, PASSWORD));
        assertNull(keys.getCertificate(alias));
        assertNull(keys.getCertificateChain(alias));
        assertNull(keys.getCreationDate(alias));
        assertNull(keys.getEntry(alias, PROTECTION));
        for (var kind : List.of(KeyStore.PrivateKeyEntry.class, KeyStore.SecretKeyEntry.class,
                KeyStore.TrustedCertificateEntry.class)) {
            assertFalse(keys.entryInstanceOf(alias, kind));
        }
    }

    /** Which of the three kinds an alias is of, by both ways to ask. */
    private static void assertKind(KeyStore keys, String alias,
            Class<? extends KeyStore.Entry> expected) throws Exception {
        assertTrue(keys.containsAlias(alias));
        assertTrue(Collections.list(keys.aliases()).contains(alias));
        for (var kind : List.of(KeyStore.PrivateKeyEntry.class, KeyStore.SecretKeyEntry.class,
                KeyStore.TrustedCertificateEntry.class)) {
            assertEquals(kind == expected, keys.entryInstanceOf(alias, kind), kind.toString());
        }
        boolean isCertificate = expected == KeyStore.TrustedCertificateEntry.class;
        assertEquals(isCertificate, keys.isCertificateEntry(alias));
        assertEquals(!isCertificate, keys.isKeyEntry(alias));
        assertInstanceOf(expected, keys.getEntry(alias, isCertificate ? null : PROTECTION));
        long age = System.currentTimeMillis() - keys.getCreationDate(alias).getTime();
        assertTrue(Math.abs(age) < 60_000, age + " ms");
    }

    @ParameterizedTest
    @ValueSource(strings = {"PKCS12", "Keyward"})
    void a_private_key_is_kept_with_its_chain(String type, RunningService service)
            throws Exception {
        KeyStore keys = loaded(type, service);
        int before = keys.size();
        keys.setEntry("contract-pair", new KeyStore.PrivateKeyEntry(key, chain), PROTECTION);
        assertEquals(before + 1, keys.size());
        assertKind(keys, "contract-pair", KeyStore.PrivateKeyEntry.class);
        assertArrayEquals(chain, keys.getCertificateChain("contract-pair"));
        assertEquals(chain[0], keys.getCertificate("contract-pair"));
        assertEquals("contract-pair", keys.getCertificateAlias(chain[0]));
        Key kept = keys.getKey("contract-pair", PASSWORD);
        assertInstanceOf(PrivateKey.class, kept);
        assertEquals("EC", kept.getAlgorithm());
        assertEquals(kept, keys.getKey("contract-pair", PASSWORD));
        KeyStore.PrivateKeyEntry entry =
            (KeyStore.PrivateKeyEntry) keys.getEntry("contract-pair", PROTECTION);
        assertEquals(kept, entry.getPrivateKey());
        assertArrayEquals(chain, entry.getCertificateChain());

        keys.setKeyEntry("contract-pair", kept, PASSWORD, new Certificate[] {chain[0]});
        assertEquals(1, keys.getCertificateChain("contract-pair").length);
        assertThrows(KeyStoreException.class, () -> keys.setCertificateEntry("contract-pair", chain[1]));
        assertKind(keys, "contract-pair", KeyStore.PrivateKeyEntry.class);
        keys.deleteEntry("contract-pair");
        assertAbsent(keys, "contract-pair");
        assertEquals(before, keys.size());
    }

    @ParameterizedTest
    @ValueSource(strings = {"PKCS12", "Keyward"})
    void a_secret_key_has_no_certificates(String type, RunningService service) throws Exception {
        KeyStore keys = loaded(type, service);
        keys.setEntry("contract-secret", new KeyStore.SecretKeyEntry(new SecretKeySpec(new byte[32], "AES")),
            PROTECTION);
        assertKind(keys, "contract-secret", KeyStore.SecretKeyEntry.class);
        assertEquals("AES",
            assertInstanceOf(SecretKey.class, keys.getKey("contract-secret", PASSWORD)).getAlgorithm());
        assertNull(keys.getCertificate("contract-secret"));
        assertNull(keys.getCertificateChain("contract-secret"));
        keys.deleteEntry("contract-secret");
        assertAbsent(keys, "contract-secret");
    }

    @ParameterizedTest
    @ValueSource(strings = {"PKCS12", "Keyward"})
    void a_trusted_certificate_is_replaced_by_another(String type, RunningService service)
            throws Exception {
        KeyStore keys = loaded(type, service);
        keys.setCertificateEntry("contract-trusted", chain[0]);
        assertKind(keys, "contract-trusted", KeyStore.TrustedCertificateEntry.class);
        assertNull(keys.getKey("contract-trusted", PASSWORD));
        assertNull(keys.getCertificateChain("contract-trusted"));
        keys.setEntry("contract-trusted", new KeyStore.TrustedCertificateEntry(chain[1]), null);
        assertEquals(chain[1], keys.getCertificate("contract-trusted"));
        assertEquals("contract-trusted", keys.getCertificateAlias(chain[1]));
        assertNull(keys.getCertificateAlias(chain[0]));
        keys.deleteEntry("contract-trusted");
        assertAbsent(keys, "contract-trusted");
    }

    @ParameterizedTest
    @ValueSource(strings = {"PKCS12", "Keyward"})
    void what_it_gives_out_is_the_callers_to_change(String type, RunningService service)
            throws Exception {
        KeyStore keys = loaded(type, service);
        keys.setKeyEntry("contract-changed", key, PASSWORD, chain);
        Date created = keys.getCreationDate("contract-changed");
        keys.getCreationDate("contract-changed").setTime(0);
        assertEquals(created, keys.getCreationDate("contract-changed"));
        keys.getCertificateChain("contract-changed")[0] = null;
        assertArrayEquals(chain, keys.getCertificateChain("contract-changed"));
        keys.deleteEntry("contract-changed");
    }
}
