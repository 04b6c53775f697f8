import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsExchange;
import com.sun.net.httpserver.HttpsServer;
import dev.keyward.jce.KeywardProvider;
import java.io.ByteArrayInputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.Key;
import java.security.KeyStore;
import java.security.Security;
import java.util.concurrent.Executors;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/**
 * An HTTPS server whose private key is in the Keyward service.
 *
 * <pre>java -cp keyward-jce.jar HttpsDemo.java PORT ALIAS</pre>
 *
 * The service is found as by every other client: KEYWARD_ADDRESS, or /etc/keyward/client.toml.
 */
public class HttpsDemo {
    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 2) {
            System.err.println("usage: java -cp keyward-jce.jar HttpsDemo.java PORT ALIAS");
            System.exit(2);
        }
        int port = Integer.parseInt(arguments[0]);
        String alias = arguments[1];

        // Its place in the list of providers does not matter.
        Security.addProvider(new KeywardProvider());

        // load(null, null) would show every key; a key store file can say which aliases to show.
        KeyStore keys = KeyStore.getInstance("Keyward");
        String only = "aliases = \"" + alias + "\"\n";
        keys.load(new ByteArrayInputStream(only.getBytes(StandardCharsets.UTF_8)), null);
        Key key = keys.getKey(alias, null);
        if (key == null || keys.getCertificate(alias) == null) {
            System.err.println("error: the service has no key \"" + alias + "\" with a certificate"
                + "\nhint: keyward key generate " + alias + " --type p-256 &&"
                + " keyward key self-sign " + alias + " --subject CN=localhost --san DNS:localhost");
            System.exit(1);
        }

        // From here on it is what every Java server does.
        KeyManagerFactory managers =
            KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(keys, null);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);

        HttpsServer server = HttpsServer.create(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(context));
        server.createContext("/", exchange -> {
            String page = "Hello from Java " + Runtime.version().feature() + " over "
                + ((HttpsExchange) exchange).getSSLSession().getProtocol() + "\n"
                + "served with: " + key + "\n"
                + "what Java holds of the private key: " + key.getEncoded() + "\n";
            byte[] body = page.getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.setExecutor(Executors.newCachedThreadPool());
        server.start();
        System.out.println("serving https://localhost:" + server.getAddress().getPort() + "/ with "
            + key);
    }
}
