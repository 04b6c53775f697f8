package dev.keyward.jce;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.Security;
import java.security.cert.CertificateFactory;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * A program for tests: fetches a page again and again over connections of one SSLContext, whose
 * client certificate is that of one alias, and prints what it gets.
 */
public final class TlsClient {
    /** Arguments: the alias, the port, the server's certificate, the version of TLS, how often. */
    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new KeywardProvider());
        KeyStore keys = KeyStore.getInstance("Keyward");
        String file = "aliases = \"" + arguments[0] + "\"";
        keys.load(new ByteArrayInputStream(file.getBytes(StandardCharsets.UTF_8)), null);
        KeyManagerFactory managers = KeyManagerFactory.getInstance("PKIX");
        managers.init(keys, null);
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        try (InputStream pem = Files.newInputStream(Path.of(arguments[2]))) {
            trusted.setCertificateEntry("server",
                CertificateFactory.getInstance("X.509").generateCertificate(pem));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), trust.getTrustManagers(), null);
        for (int i = 0; i < Integer.parseInt(arguments[4]); i++) {
            try (SSLSocket socket = (SSLSocket) context.getSocketFactory()
                    .createSocket("localhost", Integer.parseInt(arguments[1]))) {
                socket.setEnabledProtocols(new String[] {arguments[3]});
                socket.getOutputStream()
                    .write("GET / HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.UTF_8));
                System.out.write(socket.getInputStream().readAllBytes());
            }
        }
        System.out.flush();
    }

    private TlsClient() {}
}
