package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.KeyStoreException;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.ProviderException;
import java.security.PublicKey;
import java.security.Security;
import java.security.Signature;
import java.security.SignatureException;
import java.security.cert.Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.KeyGenerator;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** What Java hears of a use that the key is not allowed at this moment, and how it goes on. */
@ExtendWith(RunningService.Extension.class)
class RestrictedKeysTest {
    private static final byte[] MESSAGE = "a message".getBytes(StandardCharsets.UTF_8);
    private static final Instant SOME_DAY = Instant.parse("2200-01-01T00:00:00Z");
    private static final String QUORUM = "[[quorum]]\noperations = [\"use-key\", \"delete\","
        + " \"set-pin\"]\napprovals = 1\napprovers = [\"bob\"]\n";

    @TempDir
    Path folder;

    private static KeywardException why(ErrorKind kind, Throwable failure) {
        Throwable cause = failure;
        while (cause != null && !(cause instanceof KeywardException)) {
            cause = cause.getCause();
        }
        KeywardException why = assertInstanceOf(KeywardException.class, cause, failure.toString());
        assertEquals(kind, why.kind(), why.getMessage());
        return why;
    }

    private static PrivateKey pair(Provider provider, String family, KeyAttributes attributes)
            throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance(family, provider);
        generator.initialize(attributes);
        return generator.generateKeyPair().getPrivate();
    }

    private static SecretKey secret(Provider provider, String kind, KeyAttributes attributes)
            throws GeneralSecurityException {
        KeyGenerator generator = KeyGenerator.getInstance(kind, provider);
        generator.init(attributes);
        return generator.generateKey();
    }

    private static Signature signing(String algorithm, PrivateKey key, Provider provider)
            throws GeneralSecurityException {
        Signature signature = Signature.getInstance(algorithm, provider);
        signature.initSign(key);
        signature.update(MESSAGE);
        return signature;
    }

    @Test
    void a_key_signs_with_the_algorithms_that_it_is_permitted(RunningService service)
            throws Exception {
        Provider provider = service.provider();
        PrivateKey key = pair(provider, "EC", KeyAttributes.named("permitted-ec").ofType("p-256")
            .withAlgorithms("SHA256withECDSA"));
        signing("SHA256withECDSA", key, provider).sign();
        Signature other = signing("SHA384withECDSA", key, provider);
        SignatureException failure = assertThrows(SignatureException.class, other::sign);
        KeywardException why = why(ErrorKind.PERMISSION_DENIED, failure);
        assertTrue(why.getMessage().contains("ecdsa-sha256"), why.getMessage());

        SecretKey mac = secret(provider, "Hmac",
            KeyAttributes.named("permitted-mac").withAlgorithms("HmacSHA256"));
        Mac permitted = Mac.getInstance("HmacSHA256", provider);
        permitted.init(mac);
        permitted.doFinal(MESSAGE);
        Mac refused = Mac.getInstance("HmacSHA512", provider);
        refused.init(mac);
        why(ErrorKind.PERMISSION_DENIED,
            assertThrows(ProviderException.class, () -> refused.doFinal(MESSAGE)));
    }

    @Test
    void a_key_is_used_within_its_validity(RunningService service) throws Exception {
        Provider provider = service.provider();
        KeyAttributes later = KeyAttributes.named("later").validFrom(SOME_DAY);
        PrivateKey key = pair(provider, "EC", later.ofType("p-256"));
        Signature signature = signing("SHA256withECDSA", key, provider);
        SignatureException unsigned = assertThrows(SignatureException.class, signature::sign);
        assertTrue(unsigned.getMessage().contains("2200-01-01"), unsigned.getMessage());
        why(ErrorKind.PERMISSION_DENIED, unsigned);

        PrivateKey derives = pair(provider, "X25519",
            KeyAttributes.named("later-x").validFrom(SOME_DAY));
        KeyAgreement agreement = KeyAgreement.getInstance("X25519", provider);
        agreement.init(derives);
        PublicKey peer =
            KeyPairGenerator.getInstance("X25519").generateKeyPair().getPublic();
        why(ErrorKind.PERMISSION_DENIED,
            assertThrows(InvalidKeyException.class, () -> agreement.doPhase(peer, true)));

        KeywardPrivateKey decrypts = (KeywardPrivateKey) pair(provider, "RSA",
            KeyAttributes.named("later-rsa").ofType("rsa-2048").withUses(KeyRight.DECRYPT)
                .validFrom(SOME_DAY));
        Cipher encrypt = Cipher.getInstance("RSA/ECB/OAEPPadding", "SunJCE");
        encrypt.init(Cipher.ENCRYPT_MODE, decrypts.publicKey());
        byte[] ciphertext = encrypt.doFinal(MESSAGE);
        Cipher decrypt = Cipher.getInstance("RSA/ECB/OAEPPadding", provider);
        decrypt.init(Cipher.DECRYPT_MODE, decrypts);
        why(ErrorKind.PERMISSION_DENIED,
            assertThrows(ProviderException.class, () -> decrypt.doFinal(ciphertext)));

        SecretKey aes = secret(provider, "AES",
            KeyAttributes.named("later-aes").validFrom(SOME_DAY));
        Cipher gcm = Cipher.getInstance("AES/GCM/NoPadding", provider);
        gcm.init(Cipher.ENCRYPT_MODE, aes);
        why(ErrorKind.PERMISSION_DENIED,
            assertThrows(ProviderException.class, () -> gcm.doFinal(MESSAGE)));
    }

    @Test
    void a_key_signs_as_often_as_its_limit_says(RunningService service) throws Exception {
        Provider provider = service.provider();
        PrivateKey twice =
            pair(provider, "EC", KeyAttributes.named("twice").ofType("p-256").maxUses(2));
        Signature signature = signing("SHA256withECDSA", twice, provider);
        signature.sign();
        signature.update(MESSAGE);
        signature.sign();
        signature.update(MESSAGE);
        why(ErrorKind.LIMIT_EXCEEDED, assertThrows(SignatureException.class, signature::sign));
        assertTrue(service.keyward("key", "show", "twice").succeeded().contains("2 of 2"));

        Mac mac = Mac.getInstance("HmacSHA256", provider);
        mac.init(secret(provider, "Hmac", KeyAttributes.named("once").maxUses(1)));
        mac.doFinal(MESSAGE);
        why(ErrorKind.LIMIT_EXCEEDED,
            assertThrows(ProviderException.class, () -> mac.doFinal(MESSAGE)));
        assertThrows(IllegalArgumentException.class, () -> KeyAttributes.named("x").maxUses(0));
    }

    @Test
    void a_key_signs_as_fast_as_its_rate_says(RunningService service) throws Exception {
        Provider provider = service.provider();
        PrivateKey key =
            pair(provider, "EC", KeyAttributes.named("slow").ofType("p-256").maxRate("2/hour"));
        Signature signature = signing("SHA256withECDSA", key, provider);
        signature.sign();
        signature.sign();
        SignatureException refused = assertThrows(SignatureException.class, signature::sign);
        assertTrue(why(ErrorKind.BUSY, refused).getMessage().contains("2/hour"),
            refused.getMessage());
        ProviderException unread = assertThrows(ProviderException.class, () -> pair(provider, "EC",
            KeyAttributes.named("never").maxRate("2 an hour")));
        // The advice comes to whoever reads the message.
        assertTrue(unread.getMessage().contains("1000/hour"), unread.getMessage());
        assertTrue(why(ErrorKind.INVALID_ARGUMENT, unread).hint().contains("1000/hour"));
    }

    @Test
    void a_key_tells_what_it_is_held_to(RunningService service) throws Exception {
        KeyAttributes wanted = KeyAttributes.named("tells").ofType("p-256")
            .withUses(KeyRight.SIGN, KeyRight.DERIVE).withAlgorithms("ecdsa-sha256", "ecdh")
            .validFrom(Instant.parse("2020-01-01T00:00:00Z")).validUntil(SOME_DAY).maxUses(70)
            .maxRate("5/minute").withChildUses(KeyRight.ENCRYPT, KeyRight.DECRYPT).needingApproval().wrappedWithTrustedOnly().asExportable();
        PrivateKey made = pair(service.provider(), "EC", wanted);
        Key kept = service.keyStore().getKey("tells", null);
        for (Key key : List.of(made, kept)) {
            KeyAttributes told = ((KeywardKey) key).attributes();
            assertEquals("tells", told.name());
            assertEquals("p-256", told.type());
            assertEquals(wanted.uses(), told.uses());
            assertEquals(Set.copyOf(wanted.algorithms()), Set.copyOf(told.algorithms()));
            assertEquals(wanted.validFrom(), told.validFrom());
            assertEquals(wanted.validUntil(), told.validUntil());
            assertEquals(70, told.maxUses());
            assertEquals("5/minute", told.maxRate());
            assertEquals(wanted.childUses(), told.childUses());
            assertTrue(told.needsApproval() && told.wrapWithTrustedOnly() && told.exportable());
        }
        KeyAttributes plain = ((KeywardKey) service.keyStore()
            .getKey(service.key("ed25519"), null)).attributes();
        assertEquals(Set.of(KeyRight.SIGN), plain.uses());
        assertEquals(List.of(), plain.algorithms());
        assertNull(plain.validFrom());
        assertNull(plain.validUntil());
        assertEquals(0, plain.maxUses());
        assertNull(plain.maxRate());
        assertEquals(Set.of(), plain.childUses());
        assertFalse(plain.needsApproval() || plain.wrapWithTrustedOnly() || plain.exportable());
    }

    private RunningService withApprovals() throws Exception {
        return RunningService.withPins(folder, List.of("alice", "bob"),
            List.of("correct horse 1", "correct horse 2"), QUORUM);
    }

    private KeywardProvider alice(RunningService service, String more) {
        return (KeywardProvider) new KeywardProvider().configure("address=" + service.address()
            + ", retry_for=1s, user=alice, pin_file=" + folder.resolve("alice") + more);
    }

    private Processes.Result keyward(RunningService service, String user, String... arguments) {
        return service.keyward(folder, Map.of("KEYWARD_USER", user, "KEYWARD_PIN_FILE",
            folder.resolve(user).toString()), arguments);
    }

    /** The number in the failure, once bob has approved it. */
    private String approved(RunningService service, Throwable failure) {
        KeywardException why = why(ErrorKind.APPROVAL_REQUIRED, failure);
        assertNotNull(why.approval());
        assertTrue(failure.getMessage().contains(why.approval()), failure.getMessage());
        keyward(service, "bob", "approval", "approve", why.approval()).succeeded();
        return why.approval();
    }

    @Test
    void a_key_that_wants_approvals_signs_once_for_each() throws Exception {
        try (RunningService service = withApprovals();
                KeywardProvider alice = alice(service, "")) {
            KeywardPrivateKey key = (KeywardPrivateKey) pair(alice, "EC",
                KeyAttributes.named("approved").ofType("p-256").needingApproval());
            Signature signature = signing("SHA256withECDSA", key, alice);
            String first =
                approved(service, assertThrows(SignatureException.class, signature::sign));
            signature.update(MESSAGE);
            byte[] made = signature.sign();
            Signature verifier = Signature.getInstance("SHA256withECDSA");
            verifier.initVerify(key.publicKey());
            verifier.update(MESSAGE);
            assertTrue(verifier.verify(made));
            signature.update(MESSAGE);
            SignatureException again = assertThrows(SignatureException.class, signature::sign);
            assertNotEquals(first, why(ErrorKind.APPROVAL_REQUIRED, again).approval());
        }
    }

    @Test
    void a_key_is_deleted_with_the_approval_that_the_provider_is_given() throws Exception {
        try (RunningService service = withApprovals();
                KeywardProvider alice = alice(service, "")) {
            pair(alice, "EC", KeyAttributes.named("guarded").ofType("p-256"));
            KeyStore keys = KeyStore.getInstance("Keyward", alice);
            keys.load(null, null);
            String approval = approved(service,
                assertThrows(KeyStoreException.class, () -> keys.deleteEntry("guarded")));
            assertThrows(KeyStoreException.class, () -> keys.deleteEntry("guarded"));
            try (KeywardProvider allowed = alice(service, ", approval=" + approval)) {
                KeyStore again = KeyStore.getInstance("Keyward", allowed);
                again.load(null, null);
                again.deleteEntry("guarded");
            }
            keyward(service, "alice", "key", "show", "guarded").failed();
        }
    }

    @Test
    void a_handshake_of_jsse_fails_with_the_number_and_succeeds_once_it_is_approved()
            throws Exception {
        ExecutorService threads = Executors.newSingleThreadExecutor();
        try (RunningService service = withApprovals();
                KeywardProvider alice = alice(service, "")) {
            for (String[] arguments : new String[][] {{"generate", "web", "--type", "p-256"},
                    {"self-sign", "web", "--subject", "CN=localhost", "--san", "localhost"},
                    {"restrict", "web", "--needs-approval"}}) {
                List<String> command = new ArrayList<>(List.of("key"));
                command.addAll(List.of(arguments));
                keyward(service, "alice", command.toArray(new String[0])).succeeded();
            }
            // JSSE finds who signs among the providers in the list.
            Security.addProvider(alice);
            KeyStore keys = KeyStore.getInstance("Keyward", alice);
            keys.load(null, null);
            Certificate certificate = keys.getCertificate("web");
            try (SSLServerSocket server = server(keys)) {
                approved(service, refusal(threads, server, certificate));
                assertEquals("greeting", handshake(threads, server, certificate).get());
                why(ErrorKind.APPROVAL_REQUIRED, refusal(threads, server, certificate));
            }
        } finally {
            Security.removeProvider("Keyward");
            threads.shutdownNow();
        }
    }

    private static SSLServerSocket server(KeyStore keys) throws Exception {
        KeyManagerFactory managers = KeyManagerFactory.getInstance("PKIX");
        managers.init(keys, null);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        return (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0);
    }

    private static SSLContext trusting(Certificate certificate)
            throws Exception {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("server", certificate);
        TrustManagerFactory managers = TrustManagerFactory.getInstance("PKIX");
        managers.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }

    /** What the server's side comes to, while a client connects that has no session to resume. */
    private static Future<String> handshake(ExecutorService threads, SSLServerSocket server,
            Certificate certificate) throws Exception {
        Callable<String> greet = () -> {
            try (SSLSocket socket = (SSLSocket) server.accept()) {
                socket.startHandshake();
                socket.getOutputStream().write("greeting".getBytes(StandardCharsets.UTF_8));
            }
            return "greeting";
        };
        Future<String> served = threads.submit(greet);
        try (SSLSocket socket = (SSLSocket) trusting(certificate).getSocketFactory()
                .createSocket("localhost", server.getLocalPort())) {
            socket.getInputStream().readAllBytes();
        } catch (IOException refused) {
            // The server's side says why.
        }
        return served;
    }

    private static Throwable refusal(ExecutorService threads, SSLServerSocket server,
            Certificate certificate) {
        SSLException refused = assertInstanceOf(SSLException.class,
            assertThrows(ExecutionException.class,
                () -> handshake(threads, server, certificate).get()).getCause());
        // What a server logs names the approval: the message of the cause.
        return refused.getCause();
    }
}
