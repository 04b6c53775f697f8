import dev.keyward.jce.KeyFilter;
import dev.keyward.jce.KeywardProvider;
import io.undertow.Undertow;
import java.net.InetSocketAddress;
import java.security.KeyStore;
import java.security.Security;
import java.util.Arrays;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/**
 * An HTTPS server of Undertow, its keys in the Keyward service; of several keys each client gets
 * one that it can use. It needs io.undertow:undertow-core.
 *
 * <pre>UndertowServer PORT ALIAS…</pre>
 */
public class UndertowServer {
    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new KeywardProvider());
        String[] aliases = Arrays.copyOfRange(arguments, 1, arguments.length);
        Undertow server = Undertow.builder()
            .addHttpsListener(Integer.parseInt(arguments[0]), "127.0.0.1", tls(aliases))
            .setHandler(exchange -> exchange.getResponseSender().send("Hello from Undertow\n"))
            .build();
        server.start();
        Undertow.ListenerInfo listener = server.getListenerInfo().get(0);
        System.out.println("listening on https://localhost:"
            + ((InetSocketAddress) listener.getAddress()).getPort());

        // Each byte on standard input reads the certificates anew; its end ends the server.
        while (System.in.read() >= 0) {
            listener.setSslContext(tls(aliases));
            System.out.println("reloaded");
        }
        server.stop();
    }

    private static SSLContext tls(String[] aliases) throws Exception {
        KeyStore keys = KeyStore.getInstance("Keyward");
        keys.load(KeyFilter.all().withAliases(aliases));
        KeyManagerFactory managers = KeyManagerFactory.getInstance("PKIX");
        managers.init(keys, null);
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(managers.getKeyManagers(), null, null);
        return tls;
    }
}
