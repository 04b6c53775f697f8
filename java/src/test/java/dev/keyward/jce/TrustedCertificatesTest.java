package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.KeyStoreException;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Certificates that are kept in the service without a key. */
@ExtendWith(RunningService.Extension.class)
class TrustedCertificatesTest {
    @TempDir
    Path folder;

    /** A new root, in a file of this name with its key beside it. */
    private Certificate root(String name) throws Exception {
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + name, "-days",
            "9", "-keyout", name + ".key", "-out", name + ".pem");
        return certificate(name + ".pem");
    }

    private void openssl(String... arguments) {
        List<String> command = new ArrayList<>(List.of("openssl"));
        command.addAll(Arrays.asList(arguments));
        Processes.run(folder, Map.of(), command).succeeded();
    }

    private Certificate certificate(String file) throws Exception {
        try (InputStream pem = Files.newInputStream(folder.resolve(file))) {
            return CertificateFactory.getInstance("X.509").generateCertificate(pem);
        }
    }

    @Test
    void a_trusted_certificate_is_an_entry_like_in_any_key_store(RunningService service)
            throws Exception {
        Certificate root = root("root");
        KeyStore keys = service.keyStore();
        keys.setCertificateEntry("entry-root", root);
        assertTrue(keys.containsAlias("entry-root"));
        assertTrue(keys.isCertificateEntry("entry-root"));
        assertFalse(keys.isKeyEntry("entry-root"));
        assertTrue(Collections.list(keys.aliases()).contains("entry-root"));
        assertEquals(root, keys.getCertificate("entry-root"));
        assertEquals("entry-root", keys.getCertificateAlias(root));
        assertNull(keys.getCertificateChain("entry-root"));
        assertNull(keys.getKey("entry-root", null));
        assertTrue(keys.entryInstanceOf("entry-root", KeyStore.TrustedCertificateEntry.class));
        assertFalse(keys.entryInstanceOf("entry-root", KeyStore.PrivateKeyEntry.class));
        KeyStore.TrustedCertificateEntry entry = assertInstanceOf(
            KeyStore.TrustedCertificateEntry.class, keys.getEntry("entry-root", null));
        assertEquals(root, entry.getTrustedCertificate());
        long age = System.currentTimeMillis() - keys.getCreationDate("entry-root").getTime();
        assertTrue(Math.abs(age) < 60_000, age + " ms");

        Certificate next = root("next");
        keys.setEntry("entry-root", new KeyStore.TrustedCertificateEntry(next), null);
        assertEquals(next, keys.getCertificate("entry-root"));
        keys.deleteEntry("entry-root");
        assertFalse(keys.containsAlias("entry-root"));
        keys.deleteEntry("entry-root");
    }

    @Test
    void an_alias_is_a_key_or_a_certificate_and_never_both(RunningService service)
            throws Exception {
        Certificate root = root("root");
        KeyStore keys = service.keyStore();
        service.key("entry-key", "p-256");
        KeyStoreException taken = assertThrows(KeyStoreException.class,
            () -> keys.setCertificateEntry("entry-key", root));
        assertTrue(taken.getMessage().contains("a key \"entry-key\""), taken.getMessage());
        keys.setCertificateEntry("entry-both", root);
        assertThrows(KeyStoreException.class, () -> keys.setKeyEntry("entry-both",
            keys.getKey("entry-key", null), null, keys.getCertificateChain("entry-key")));
        assertThrows(KeyStoreException.class, () -> keys.setCertificateEntry("no name", root));
        keys.deleteEntry("entry-both");
    }

    @Test
    void what_one_process_changes_the_other_sees(RunningService service) throws Exception {
        Certificate root = root("shared");
        String pem = folder.resolve("shared.pem").toString();
        KeyStore keys = service.keyStore();
        assertFalse(keys.containsAlias("shared-root"));
        service.keyward("cert", "add", "shared-root", "--in", pem).succeeded();
        assertEquals(root, keys.getCertificate("shared-root"));
        service.keyward("cert", "rename", "shared-root", "other-root").succeeded();
        assertTrue(keys.isCertificateEntry("other-root"));
        Processes.await(() -> !keys.containsAlias("shared-root"));
        keys.deleteEntry("other-root");
        service.keyward("cert", "show", "other-root").failed();
    }

    @Test
    void a_filter_makes_a_trust_store_of_the_certificates_alone(RunningService service)
            throws Exception {
        Certificate root = root("filtered");
        service.keyStore().setCertificateEntry("filtered-root", root);
        service.key("filtered-key", "p-256");
        KeyStore trusted = KeyStore.getInstance("Keyward", service.provider());
        trusted.load(KeyFilter.all().withAliases("filtered-*").ofTypes("certificate"));
        assertEquals(List.of("filtered-root"), Collections.list(trusted.aliases()));
        assertNull(trusted.getCertificate("filtered-key"));
        trusted.setCertificateEntry("filtered-more", root);
        assertThrows(KeyStoreException.class, () -> trusted.setCertificateEntry("other", root));
        KeyStore pairs = KeyStore.getInstance("Keyward", new KeywardProvider());
        String file = "# Keyward key store\naddress = \"" + service.address()
            + "\"\naliases = \"filtered-*\"\ntypes = \"p-*, rsa-*\"\n";
        pairs.load(new ByteArrayInputStream(file.getBytes(StandardCharsets.UTF_8)), null);
        assertEquals(List.of("filtered-key"), Collections.list(pairs.aliases()));
        assertFalse(pairs.containsAlias("filtered-root"));
        assertThrows(KeyStoreException.class,
            () -> pairs.setCertificateEntry("filtered-root", root));
        for (String alias : List.of("filtered-root", "filtered-more")) {
            service.keyStore().deleteEntry(alias);
        }
    }

    @Test
    void a_tls_client_trusts_whom_the_key_store_says(RunningService service) throws Exception {
        Certificate root = root("tls");
        root("stranger");
        service.key("tls-leaf", "p-256");
        Files.writeString(folder.resolve("leaf.csr"), service.keyward("key", "csr", "tls-leaf",
            "--subject", "CN=localhost", "--san", "localhost").succeeded());
        openssl("x509", "-req", "-in", "leaf.csr", "-CA", "tls.pem", "-CAkey", "tls.key",
            "-CAcreateserial", "-copy_extensions", "copy", "-days", "9", "-out", "leaf.pem");
        service.keyward("cert", "import", "tls-leaf", "--in",
            folder.resolve("leaf.pem").toString()).succeeded();
        KeyStore keys = service.keyStore();
        keys.setCertificateEntry("tls-root", root);
        keys.setCertificateEntry("tls-stranger", certificate("stranger.pem"));

        ExecutorService threads = Executors.newSingleThreadExecutor();
        // JSSE finds who signs among the providers in the list.
        Security.addProvider(service.provider());
        try (SSLServerSocket server = server(service)) {
            assertEquals("greeting", greeting(threads, server, trusting(service, "tls-root")));
            assertThrows(SSLHandshakeException.class,
                () -> greeting(threads, server, trusting(service, "tls-stranger")));
        } finally {
            Security.removeProvider("Keyward");
            threads.shutdownNow();
            keys.deleteEntry("tls-root");
            keys.deleteEntry("tls-stranger");
        }
    }

    private static SSLServerSocket server(RunningService service) throws Exception {
        KeyStore keys = KeyStore.getInstance("Keyward", service.provider());
        keys.load(KeyFilter.all().withAliases("tls-leaf"));
        KeyManagerFactory managers = KeyManagerFactory.getInstance("PKIX");
        managers.init(keys, null);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        return (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0);
    }

    private static SSLContext trusting(RunningService service, String alias) throws Exception {
        KeyStore trusted = KeyStore.getInstance("Keyward", service.provider());
        trusted.load(KeyFilter.all().withAliases(alias).ofTypes("certificate"));
        TrustManagerFactory managers = TrustManagerFactory.getInstance("PKIX");
        managers.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }

    private static String greeting(ExecutorService threads, SSLServerSocket server,
            SSLContext client) throws Exception {
        Callable<Void> greet = () -> {
            try (SSLSocket socket = (SSLSocket) server.accept()) {
                socket.getOutputStream().write("greeting".getBytes(StandardCharsets.UTF_8));
            } catch (IOException refused) {
                // The client says so itself.
            }
            return null;
        };
        Future<Void> greeted = threads.submit(greet);
        try (SSLSocket socket = (SSLSocket) client.getSocketFactory()
                .createSocket("localhost", server.getLocalPort())) {
            byte[] read = socket.getInputStream().readAllBytes();
            return new String(read, StandardCharsets.UTF_8);
        } finally {
            greeted.get();
        }
    }
}
