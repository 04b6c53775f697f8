package dev.keyward.jce;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.Security;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/**
 * A program for tests: SSLServerSockets, each with the key of one alias. It prints their ports,
 * greets whoever connects, and ends when its standard input does.
 */
public final class TlsServer {
    /** Arguments: the name of the KeyManagerFactory, and the aliases. */
    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new KeywardProvider());
        StringBuilder ports = new StringBuilder("ports");
        for (int i = 1; i < arguments.length; i++) {
            SSLServerSocket server = socket(arguments[0], arguments[i]);
            ports.append(' ').append(server.getLocalPort());
            Thread thread = new Thread(() -> greet(server));
            thread.setDaemon(true);
            thread.start();
        }
        System.out.println(ports);
        System.in.readAllBytes();
    }

    private static SSLServerSocket socket(String factory, String alias) throws Exception {
        KeyStore keys = KeyStore.getInstance("Keyward");
        String file = "aliases = \"" + alias + "\"";
        keys.load(new ByteArrayInputStream(file.getBytes(StandardCharsets.UTF_8)), null);
        KeyManagerFactory managers = KeyManagerFactory.getInstance(factory);
        managers.init(keys, null);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        SSLServerSocket server =
            (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0);
        server.setEnabledCipherSuites(server.getSupportedCipherSuites());
        return server;
    }

    private static void greet(SSLServerSocket server) {
        while (true) {
            try (SSLSocket socket = (SSLSocket) server.accept()) {
                socket.setSoTimeout(5000);
                socket.startHandshake();
                String greeting = "greeted over " + socket.getSession().getProtocol() + "\n";
                socket.getOutputStream().write(greeting.getBytes(StandardCharsets.UTF_8));
            } catch (IOException clientGaveUp) {
                clientGaveUp.printStackTrace();
            }
        }
    }

    private TlsServer() {}
}
