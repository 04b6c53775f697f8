package dev.keyward.bench;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.util.stream.IntStream;

/**
 * Fills the service with entries: the one of a PKCS#12 file, imported under the names key-FROM to
 * key-TO: FillKeyStore FILE FROM TO
 */
public final class FillKeyStore {
    private static final char[] PASSWORD = "benchmark".toCharArray();

    /** Imports. */
    public static void main(String[] arguments) throws Exception {
        KeyStore file = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(Path.of(arguments[0]))) {
            file.load(in, PASSWORD);
        }
        String alias = file.aliases().nextElement();
        Key key = file.getKey(alias, PASSWORD);
        Certificate[] chain = file.getCertificateChain(alias);
        KeyStore service =
            KeyStore.getInstance("Keyward", Providers.keyward().configure("import=yes"));
        service.load(null, null);
        int from = Integer.parseInt(arguments[1]);
        int to = Integer.parseInt(arguments[2]);
        IntStream.rangeClosed(from, to).parallel().forEach(number -> {
            try {
                service.setKeyEntry("key-" + number, key, null, chain);
            } catch (Exception failure) {
                throw new IllegalStateException(failure);
            }
        });
    }

    private FillKeyStore() {}
}
