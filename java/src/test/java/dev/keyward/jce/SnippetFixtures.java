package dev.keyward.jce;

import java.io.InputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Security;
import java.security.cert.Certificate;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.SecretKeySpec;

/** What snippets of the documentation speak of without making it. */
public final class SnippetFixtures {
    public static final Charset UTF_8 = StandardCharsets.UTF_8;
    public static final byte[] message = "a message".getBytes(UTF_8);
    public static final byte[] plaintext = "an order".getBytes(UTF_8);
    public static final byte[] salt = new byte[16];
    public static KeyStore keys;
    public static PrivateKey foreignKey;
    public static SecretKey foreignSecret;
    public static Certificate certificate;
    public static Certificate[] chain;
    public static SecretKey root;
    public static SecretKey keyEncryptionKey;
    public static byte[] wrapped;
    public static byte[] iv;

    /** The service as a snippet finds it; a snippet that makes the key "web" finds none. */
    static void prepare(RunningService service, Path folder, boolean makesWeb) throws Exception {
        Provider provider = Security.getProvider("Keyward");
        keys = KeyStore.getInstance("Keyward", provider);
        keys.load(null, null);
        for (String alias : Collections.list(keys.aliases())) {
            keys.deleteEntry(alias);
        }
        if (!makesWeb) {
            service.keyward("key", "generate", "web", "--type", "p-256").succeeded();
            service.keyward("key", "self-sign", "web", "--subject", "CN=web").succeeded();
        }
        software(folder);
        foreignSecret = new SecretKeySpec(new byte[32], "AES");
        SecretKeyFactory hmac = SecretKeyFactory.getInstance("Hmac", provider);
        root = hmac.generateSecret(new SecretKeyImportSpec(new SecretKeySpec(new byte[32], "Hmac"),
            KeyAttributes.named("root").withUses(KeyRight.DERIVE)));
        SecretKeyFactory aes = SecretKeyFactory.getInstance("AES", provider);
        keyEncryptionKey = aes.generateSecret(new SecretKeyImportSpec(foreignSecret,
            KeyAttributes.named("kek").withUses(KeyRight.WRAP, KeyRight.UNWRAP)));
        SecretKey leaving = aes.generateSecret(new SecretKeyImportSpec(foreignSecret,
            KeyAttributes.named("leaving").asExportable()));
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding", provider);
        cipher.init(Cipher.WRAP_MODE, keyEncryptionKey);
        wrapped = cipher.wrap(leaving);
        iv = cipher.getIV();
    }

    /** A key pair of this process with its certificate. */
    private static void software(Path folder) throws Exception {
        if (foreignKey == null) {
            for (List<String> command : List.of(
                    List.of("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
                        "/CN=web", "-keyout", "web.key", "-out", "web.pem"),
                    List.of("openssl", "pkcs12", "-export", "-inkey", "web.key", "-in", "web.pem",
                        "-name", "web", "-passout", "pass:changeit", "-out", "web.p12"))) {
                Processes.run(folder, Map.of(), command).succeeded();
            }
            KeyStore file = KeyStore.getInstance("PKCS12");
            try (InputStream in = Files.newInputStream(folder.resolve("web.p12"))) {
                file.load(in, "changeit".toCharArray());
            }
            foreignKey = (PrivateKey) file.getKey("web", "changeit".toCharArray());
            chain = file.getCertificateChain("web");
            certificate = chain[0];
        }
    }

    private SnippetFixtures() {}
}
