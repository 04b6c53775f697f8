import dev.keyward.jce.KeyFilter;
import dev.keyward.jce.KeywardProvider;
import java.security.KeyStore;
import java.security.Security;
import java.util.Arrays;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.SecureRequestCustomizer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/**
 * An HTTPS server of Eclipse Jetty, its keys in the Keyward service; of several keys each client
 * gets one that it can use. It needs org.eclipse.jetty:jetty-server.
 *
 * <pre>JettyServer PORT ALIAS…</pre>
 */
public class JettyServer {
    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new KeywardProvider());
        KeyStore keys = KeyStore.getInstance("Keyward");
        keys.load(KeyFilter.all()
            .withAliases(Arrays.copyOfRange(arguments, 1, arguments.length)));

        SslContextFactory.Server tls = new SslContextFactory.Server();
        tls.setKeyStore(keys);
        HttpConfiguration https = new HttpConfiguration();
        https.addCustomizer(new SecureRequestCustomizer());
        Server server = new Server();
        ServerConnector connector =
            new ServerConnector(server, tls, new HttpConnectionFactory(https));
        connector.setHost("127.0.0.1");
        connector.setPort(Integer.parseInt(arguments[0]));
        server.addConnector(connector);
        server.setHandler(new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                Content.Sink.write(response, true, "Hello from Jetty\n", callback);
                return true;
            }
        });
        server.start();
        System.out.println("listening on https://localhost:" + connector.getLocalPort());

        // Each byte on standard input reads the certificates anew; its end ends the server.
        while (System.in.read() >= 0) {
            tls.reload(factory -> {});
            System.out.println("reloaded");
        }
        server.stop();
    }
}
