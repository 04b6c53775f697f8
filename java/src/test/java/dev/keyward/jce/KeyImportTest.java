package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.security.InvalidKeyException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.KeyStoreException;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Keys that Java made are taken into the service where the caller says so, and only there. */
@ExtendWith(RunningService.Extension.class)
class KeyImportTest {
    @ParameterizedTest
    @CsvSource({"RSA, SHA256withRSA", "EC, SHA256withECDSA", "EdDSA, Ed25519",
        "RSASSA-PSS, SHA256withRSAandMGF1"})
    void a_key_factory_takes_a_key_in(String algorithm, String signatures, RunningService service)
            throws Exception {
        KeyPair pair = KeyPairGenerator.getInstance(algorithm).generateKeyPair();
        String name = "imported-" + algorithm;
        KeyFactory factory = KeyFactory.getInstance(algorithm, service.provider());
        KeywardPrivateKey key = (KeywardPrivateKey) factory.generatePrivate(new KeyImportSpec(
            pair.getPrivate(), KeyAttributes.named(name).withUses(KeyRight.SIGN)));
        assertEquals(pair.getPublic(), key.publicKey());
        String shown = service.keyward("key", "show", name).succeeded();
        assertTrue(shown.contains("imported"), shown);

        byte[] message = {1, 2, 3};
        Signature signer = Signature.getInstance(signatures, service.provider());
        signer.initSign(key);
        signer.update(message);
        byte[] signature = signer.sign();
        Signature verifier = Signature.getInstance(signatures, service.provider());
        verifier.initVerify(pair.getPublic());
        verifier.update(message);
        assertTrue(verifier.verify(signature));
    }

    @Test
    void a_key_factory_takes_no_bare_key_and_leaves_public_keys_to_others(RunningService service)
            throws Exception {
        KeyPair pair = KeyPairGenerator.getInstance("EC").generateKeyPair();
        KeyFactory factory = KeyFactory.getInstance("EC", service.provider());
        assertThrows(InvalidKeySpecException.class, () -> factory.generatePrivate(
            new PKCS8EncodedKeySpec(pair.getPrivate().getEncoded())));
        assertThrows(InvalidKeyException.class, () -> factory.translateKey(pair.getPrivate()));
        assertThrows(InvalidKeySpecException.class, () -> factory.generatePrivate(
            new KeyImportSpec(KeyPairGenerator.getInstance("RSA").generateKeyPair().getPrivate(),
                KeyAttributes.named("wrong-family"))));
        assertThrows(InvalidKeySpecException.class, () -> factory.generatePrivate(
            new KeyImportSpec(pair.getPrivate(), KeyAttributes.named("typed").ofType("p-256"))));
        assertEquals(pair.getPublic(), factory.generatePublic(
            new X509EncodedKeySpec(pair.getPublic().getEncoded())));
        assertArrayEquals(pair.getPublic().getEncoded(), factory.getKeySpec(pair.getPublic(),
            X509EncodedKeySpec.class).getEncoded());
        PrivateKey inside = service.privateKey(service.key("p-256"));
        assertEquals(inside, factory.translateKey(inside));
        assertThrows(InvalidKeySpecException.class,
            () -> factory.getKeySpec(inside, PKCS8EncodedKeySpec.class));
        assertThrows(InvalidKeySpecException.class, () -> factory.generatePrivate(
            new KeyImportSpec(inside, KeyAttributes.named("inside"))));
    }

    @Test
    void a_key_store_imports_with_key_attributes_in_the_place_of_the_password(
            @TempDir Path folder, RunningService service) throws Exception {
        KeyStore.PrivateKeyEntry foreign = foreign(folder, "attributes");
        KeyStore keys = service.keyStore();
        KeyStoreException refusal = assertThrows(KeyStoreException.class,
            () -> keys.setEntry("by-attributes", foreign, null));
        assertTrue(refusal.getMessage().contains("import=yes"), refusal.getMessage());
        assertThrows(KeyStoreException.class, () -> keys.setEntry("by-attributes", foreign,
            KeyAttributes.named("another")));
        keys.setEntry("by-attributes", foreign, KeyAttributes.named("by-attributes"));
        assertInstanceOf(KeywardPrivateKey.class, keys.getKey("by-attributes", null));
        assertEquals(foreign.getCertificate(), keys.getCertificate("by-attributes"));
        assertThrows(KeyStoreException.class, () -> keys.setEntry("by-attributes",
            keys.getEntry("by-attributes", null), KeyAttributes.named("by-attributes")));
    }

    @Test
    void a_provider_told_so_imports_every_key_that_is_set(@TempDir Path folder,
            RunningService service) throws Exception {
        KeyStore.PrivateKeyEntry foreign = foreign(folder, "told");
        KeyStore keys = KeyStore.getInstance("Keyward", new KeywardProvider().configure(
            "import=yes, address=" + service.address()));
        keys.load(null, null);
        keys.setKeyEntry("by-setting", foreign.getPrivateKey(), null,
            foreign.getCertificateChain());
        assertInstanceOf(KeywardPrivateKey.class, keys.getKey("by-setting", null));
        KeyStoreException again = assertThrows(KeyStoreException.class,
            () -> keys.setKeyEntry("by-setting", foreign.getPrivateKey(), null,
                foreign.getCertificateChain()));
        assertTrue(again.getCause() instanceof KeywardException failure
            && failure.kind() == ErrorKind.ALREADY_EXISTS, again.toString());
        assertThrows(IllegalArgumentException.class,
            () -> new KeywardProvider().configure("import=perhaps"));
    }

    @Test
    void deletion_and_destruction_are_different_things(RunningService service) throws Exception {
        service.key("destroyed", "p-256");
        KeyStore keys = service.keyStore();
        KeywardPrivateKey one = (KeywardPrivateKey) keys.getKey("destroyed", null);
        KeywardPrivateKey other = (KeywardPrivateKey) keys.getKey("destroyed", null);
        Signature underWay = Signature.getInstance("SHA256withECDSA", service.provider());
        underWay.initSign(one);
        one.destroy();
        assertTrue(one.isDestroyed());
        assertThrows(InvalidKeyException.class, () -> Signature.getInstance("SHA256withECDSA",
            service.provider()).initSign(one));
        assertThrows(IllegalStateException.class, underWay::sign);
        assertThrows(IllegalStateException.class, one::deleteFromService);

        assertFalse(other.isDestroyed());
        Signature signer = Signature.getInstance("SHA256withECDSA", service.provider());
        signer.initSign(other);
        signer.sign();
        other.deleteFromService();
        assertTrue(other.isDestroyed());
        service.keyward("key", "show", "destroyed").failed();
        assertNull(service.keyStore().getKey("destroyed", null));
    }

    /** An entry of a PKCS12 file that keytool made. */
    private static KeyStore.PrivateKeyEntry foreign(Path folder, String name) throws Exception {
        Path file = folder.resolve(name + ".p12");
        Processes.run(folder, java.util.Map.of(), Processes.java(
            Path.of(System.getProperty("java.home")), "keytool", "-genkeypair", "-keystore",
            file.toString(), "-storepass", "password", "-alias", name, "-keyalg", "EC", "-dname",
            "CN=" + name)).succeeded();
        KeyStore store = KeyStore.getInstance(file.toFile(), "password".toCharArray());
        Certificate[] chain = store.getCertificateChain(name);
        assertEquals(1, List.of(chain).size());
        return (KeyStore.PrivateKeyEntry) store.getEntry(name,
            new KeyStore.PasswordProtection("password".toCharArray()));
    }
}
