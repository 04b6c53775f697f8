package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.NotSerializableException;
import java.io.ObjectOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.KeyStoreException;
import java.security.Security;
import java.security.UnrecoverableKeyException;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECKey;
import java.security.interfaces.EdECPrivateKey;
import java.security.interfaces.RSAKey;
import java.security.interfaces.XECPrivateKey;
import java.util.Collections;
import java.util.Date;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(RunningService.Extension.class)
class KeyStoreTest {
    private static final boolean KNOWS_ML_DSA =
        Security.getAlgorithms("Signature").contains("ML-DSA");

    @ParameterizedTest
    @ValueSource(strings = {"Keyward", "keyward", "KEYWARD"})
    void the_type_is_known_in_any_case(String type, RunningService service) throws Exception {
        KeyStore keys = KeyStore.getInstance(type, service.provider());
        keys.load(null, "any password".toCharArray());
        keys.load((KeyStore.LoadStoreParameter) null);
        keys.store(null, null);
    }

    @Test
    void keys_come_and_go_live_with_their_certificates(RunningService service) throws Exception {
        KeyStore keys = service.keyStore();
        assertFalse(keys.containsAlias("live"));
        long before = System.currentTimeMillis();
        service.key("live", "p-256");
        assertTrue(keys.containsAlias("live"));
        assertTrue(Collections.list(keys.aliases()).contains("live"));
        assertTrue(keys.isKeyEntry("live"));
        assertFalse(keys.isCertificateEntry("live"));
        X509Certificate certificate = (X509Certificate) keys.getCertificate("live");
        assertEquals("CN=localhost", certificate.getSubjectX500Principal().getName());
        assertArrayEquals(new Certificate[] {certificate}, keys.getCertificateChain("live"));
        assertEquals("live", keys.getCertificateAlias(certificate));
        Date created = keys.getCreationDate("live");
        assertTrue(Math.abs(created.getTime() - before) < 60_000, created.toString());

        keys.deleteEntry("live");
        assertFalse(keys.containsAlias("live"));
        assertNull(keys.getKey("live", null));
        keys.deleteEntry("live");
        service.keyward("key", "show", "live").failed();
    }

    @Test
    void entries_may_be_deleted_while_they_are_gone_through(RunningService service)
            throws Exception {
        KeyStore keys = service.keyStore();
        Certificate certificate = keys.getCertificate(service.key("p-256"));
        for (int i = 0; i < 5; i++) {
            keys.setCertificateEntry("gone-" + i, certificate);
        }
        for (var aliases = keys.aliases(); aliases.hasMoreElements();) {
            String alias = aliases.nextElement();
            if (alias.startsWith("gone-")) {
                keys.deleteEntry(alias);
            }
        }
        assertTrue(Collections.list(keys.aliases()).stream()
            .noneMatch(alias -> alias.startsWith("gone-")));
    }

    @Test
    void private_keys_are_opaque_and_of_the_shape_that_the_jdk_wants(RunningService service)
            throws Exception {
        assertEquals(2048, assertInstanceOf(RSAKey.class, opaque("rsa-2048", "RSA", service))
            .getModulus().bitLength());
        assertInstanceOf(RSAKey.class, opaque("rsa-pss-2048", "RSASSA-PSS", service));
        assertNotNull(
            assertInstanceOf(ECKey.class, opaque("p-384", "EC", service)).getParams());
        assertTrue(assertInstanceOf(EdECPrivateKey.class, opaque("ed25519", "EdDSA", service))
            .getBytes().isEmpty());
        assertTrue(assertInstanceOf(XECPrivateKey.class, opaque("x25519", "XDH", service))
            .getScalar().isEmpty());
        assertInstanceOf(KeywardPrivateKey.class, opaque("secp256k1", "EC", service));
    }

    private static Key opaque(String type, String algorithm, RunningService service)
            throws Exception {
        KeywardPrivateKey key = service.privateKey(service.key(type));
        assertEquals(algorithm, key.getAlgorithm());
        assertNull(key.getEncoded());
        assertNull(key.getFormat());
        assertEquals("java-" + type, key.keyName());
        assertTrue(key.toString().contains(type) && key.toString().contains(key.keyId()));
        assertEquals(key, service.privateKey("java-" + type));
        assertEquals(key.hashCode(), service.privateKey("java-" + type).hashCode());
        assertThrows(NotSerializableException.class,
            () -> new ObjectOutputStream(new ByteArrayOutputStream()).writeObject(key));
        return key;
    }

    @Test
    void a_certificate_of_a_kind_that_this_java_does_not_know_is_read_all_the_same(
            RunningService service) throws Exception {
        String alias = service.key("ml-dsa-44");
        KeywardProvider provider = service.provider();
        Security.addProvider(provider);
        try {
            assertNotNull(service.keyStore().getCertificate(alias));
        } finally {
            Security.removeProvider(provider.getName());
        }
    }

    @Test
    void an_entry_needs_no_password(RunningService service) throws Exception {
        KeyStore keys = service.keyStore();
        String alias = service.key("ed25519");
        for (KeyStore.ProtectionParameter protection : new KeyStore.ProtectionParameter[] {
                null, new KeyStore.PasswordProtection("x".toCharArray())}) {
            KeyStore.PrivateKeyEntry entry = assertInstanceOf(KeyStore.PrivateKeyEntry.class,
                keys.getEntry(alias, protection));
            assertEquals(keys.getKey(alias, null), entry.getPrivateKey());
        }
        assertNull(keys.getEntry("no-such-key", null));
        assertNull(keys.getEntry("no such name!", null));
    }

    /** As certificate readers of old do, those of Java without ML-DSA keep the algorithm's number. */
    @Test
    void every_kind_of_key_is_an_entry_where_this_java_knows_its_certificate(
            RunningService service) throws Exception {
        KeyStore keys = service.keyStore();
        for (String type : List.of("rsa-2048", "rsa-pss-2048", "p-256", "secp256k1", "ed25519",
                "ml-dsa-44", "ml-dsa-87")) {
            String alias = service.key(type);
            Key key = keys.getKey(alias, null);
            String certified = keys.getCertificate(alias).getPublicKey().getAlgorithm();
            if (type.startsWith("ml-dsa") && !KNOWS_ML_DSA) {
                UnrecoverableKeyException unknown = assertThrows(
                    UnrecoverableKeyException.class, () -> keys.getEntry(alias, null));
                assertTrue(unknown.getMessage().contains(alias), unknown.getMessage());
                continue;
            }
            assertEquals(certified, key.getAlgorithm(), type);
            KeyStore.PrivateKeyEntry entry =
                assertInstanceOf(KeyStore.PrivateKeyEntry.class, keys.getEntry(alias, null));
            assertEquals(key, entry.getPrivateKey());
        }
    }

    @Test
    void an_alias_may_be_an_identifier(RunningService service) throws Exception {
        KeywardPrivateKey key = service.privateKey(service.key("p-256"));
        KeyStore keys = service.keyStore();
        assertEquals(key, keys.getKey("id=" + key.keyId(), null));
        assertEquals(keys.getCertificate(key.keyName()),
            keys.getCertificate("id=" + key.keyId()));
        assertNull(keys.getKey("id=" + "0".repeat(32), null));
    }

    @Test
    void a_key_of_the_service_can_be_renamed_and_given_certificates(RunningService service)
            throws Exception {
        KeyStore keys = service.keyStore();
        service.key("before", "p-256");
        service.key("taken", "p-256");
        Key key = keys.getKey("before", null);
        Certificate[] chain = keys.getCertificateChain("before");
        keys.setKeyEntry("after", key, null, chain);
        assertFalse(keys.containsAlias("before"));
        assertEquals(key, keys.getKey("after", null));
        assertArrayEquals(chain, keys.getCertificateChain("after"));
        assertThrows(KeyStoreException.class, () -> keys.setKeyEntry("taken", key, null, chain));
        assertThrows(KeyStoreException.class, () -> keys.setKeyEntry("after", key, null,
            keys.getCertificateChain("taken")));
    }

    @Test
    void what_is_not_in_the_service_is_refused_with_a_way_out(RunningService service)
            throws Exception {
        KeyStore keys = service.keyStore();
        Certificate[] chain = keys.getCertificateChain(service.key("p-256"));
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        KeyStoreException foreign = assertThrows(KeyStoreException.class, () -> keys.setKeyEntry(
            "foreign", generator.generateKeyPair().getPrivate(), null, chain));
        assertTrue(foreign.getMessage().contains("-providerName Keyward"), foreign.getMessage());
        assertTrue(foreign.getMessage().contains("keyward key import"), foreign.getMessage());
        assertThrows(KeyStoreException.class,
            () -> keys.setKeyEntry("foreign", new byte[1], chain));
    }

    @Test
    void a_small_file_names_the_service_and_the_aliases(@TempDir Path folder,
            RunningService service) throws Exception {
        service.key("web", "p-256");
        service.key("web-api", "p-256");
        service.key("mail", "p-256");
        String text = "# Keyward key store\naddress = \"" + service.address()
            + "\" # the service\naliases = \"web-*, mail\"\n";
        KeyStore keys = KeyStore.getInstance("Keyward", new KeywardProvider());
        keys.load(stream(text), "changeit".toCharArray());
        List<String> aliases = Collections.list(keys.aliases());
        assertEquals(List.of("mail", "web-api"), aliases.stream().sorted().toList());
        assertFalse(keys.containsAlias("web"));
        assertNull(keys.getKey("web", null));
        assertNotNull(keys.getKey("mail", null));

        ByteArrayOutputStream stored = new ByteArrayOutputStream();
        keys.store(stored, "changeit".toCharArray());
        assertEquals(text, stored.toString(StandardCharsets.UTF_8));

        Path file = Files.writeString(folder.resolve("keys"), text);
        Security.addProvider(new KeywardProvider());
        try {
            KeyStore probed = KeyStore.getInstance(file.toFile(), (char[]) null);
            assertEquals("Keyward", probed.getType());
            assertEquals(2, probed.size());
        } finally {
            Security.removeProvider("Keyward");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"adress = \"unix:/x\"", "address", "address = \"\nx", "a=b\na=c",
        "address = \"nowhere\""})
    void a_wrong_file_is_an_exception_that_says_why(String text) throws Exception {
        KeyStore keys = KeyStore.getInstance("Keyward", new KeywardProvider());
        IOException failure = assertThrows(IOException.class, () -> keys.load(stream(text), null));
        assertTrue(failure.getMessage().length() > 20, failure.getMessage());
    }

    private static ByteArrayInputStream stream(String text) {
        return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void without_a_service_load_says_where_it_looked() throws Exception {
        var provider =
            new KeywardProvider().configure("address=unix:/nowhere/hsm.sock,retry_for=0");
        KeyStore keys = KeyStore.getInstance("Keyward", provider);
        IOException failure = assertThrows(IOException.class, () -> keys.load(null, null));
        assertTrue(failure.getMessage().contains("unix:/nowhere/hsm.sock"), failure.getMessage());
        assertInstanceOf(KeywardException.class, failure.getCause());
    }

    @Test
    void a_closed_provider_is_refused(RunningService service) throws Exception {
        KeywardProvider provider = service.provider();
        KeyStore keys = KeyStore.getInstance("Keyward", provider);
        keys.load(null, null);
        provider.close();
        provider.close();
        assertThrows(IllegalStateException.class, keys::size);
    }
}
