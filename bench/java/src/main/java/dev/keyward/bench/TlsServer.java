package dev.keyward.bench;

import java.io.FileInputStream;
import java.io.InputStream;
import java.net.InetAddress;
import java.security.KeyStore;
import java.security.Security;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/**
 * A TLS server that does nothing but handshakes. Its key is in a key store file, of the type
 * Keyward or PKCS12: TlsServer TYPE FILE
 */
public final class TlsServer {
    private static final int THREADS = 8;

    /** Prints the port, and serves until standard input ends. */
    public static void main(String[] arguments) throws Exception {
        char[] password = "bench".toCharArray();
        // JSSE looks for who can sign with a key among the registered providers.
        Security.addProvider(Providers.keyward());
        KeyStore keys = arguments[0].equals("Keyward")
            ? KeyStore.getInstance("Keyward", Providers.keyward())
            : KeyStore.getInstance(arguments[0]);
        try (InputStream file = new FileInputStream(arguments[1])) {
            keys.load(file, password);
        }
        KeyManagerFactory managers = KeyManagerFactory.getInstance("PKIX");
        managers.init(keys, password);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        SSLServerSocket server = (SSLServerSocket) context.getServerSocketFactory()
            .createServerSocket(0, 128, InetAddress.getLoopbackAddress());
        ExecutorService threads = Executors.newFixedThreadPool(THREADS, task -> {
            Thread thread = new Thread(task);
            thread.setDaemon(true);
            return thread;
        });
        for (int i = 0; i < THREADS; i++) {
            threads.execute(() -> serve(server));
        }
        System.out.println(server.getLocalPort());
        System.in.readAllBytes();
    }

    private static void serve(SSLServerSocket server) {
        while (true) {
            try (SSLSocket socket = (SSLSocket) server.accept()) {
                // Else the parts of a handshake wait for each other's acknowledgement, 40 ms long.
                socket.setTcpNoDelay(true);
                socket.startHandshake();
                socket.getInputStream().readAllBytes();
            } catch (Exception clientLeft) {
                // It has what it came for.
            }
        }
    }

    private TlsServer() {}
}
