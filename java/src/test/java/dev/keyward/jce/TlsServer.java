package dev.keyward.jce;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.Security;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/**
 * A program for tests: an SSLServerSocket with the keys of some aliases. It prints its port, greets
 * whoever connects, and ends when its standard input does.
 */
public final class TlsServer {
    /** Arguments: an alias filter, and the name of the KeyManagerFactory. */
    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new KeywardProvider());
        KeyStore keys = KeyStore.getInstance("Keyward");
        String file = "aliases = \"" + arguments[0] + "\"";
        keys.load(new ByteArrayInputStream(file.getBytes(StandardCharsets.UTF_8)), null);
        KeyManagerFactory managers = KeyManagerFactory.getInstance(arguments[1]);
        managers.init(keys, null);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        SSLServerSocket server =
            (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0);
        server.setEnabledCipherSuites(server.getSupportedCipherSuites());
        Thread endsWithItsParent = new Thread(() -> {
            try {
                System.in.readAllBytes();
            } catch (java.io.IOException closed) {
                // Ends all the same.
            }
            System.exit(0);
        });
        endsWithItsParent.setDaemon(true);
        endsWithItsParent.start();
        System.out.println("port " + server.getLocalPort());
        while (true) {
            try (SSLSocket socket = (SSLSocket) server.accept()) {
                socket.setSoTimeout(5000);
                socket.startHandshake();
                String greeting = "greeted over " + socket.getSession().getProtocol() + "\n";
                socket.getOutputStream().write(greeting.getBytes(StandardCharsets.UTF_8));
            } catch (java.io.IOException clientGaveUp) {
                System.out.println(clientGaveUp);
            }
        }
    }

    private TlsServer() {}
}
