import dev.keyward.jce.KeywardProvider;
import io.grpc.Server;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.util.AdvancedTlsX509KeyManager;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.net.InetSocketAddress;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.X509Certificate;
import java.util.Arrays;

/**
 * A gRPC server whose key is in the Keyward service; it answers the standard health check. It needs
 * io.grpc:grpc-netty and io.grpc:grpc-services.
 *
 * <p>TLS is Java's own: Netty's OpenSSL engine, which grpc-netty-shaded prefers, wants keys encoded.
 *
 * <pre>GrpcServer PORT ALIAS</pre>
 */
public class GrpcServer {
    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new KeywardProvider());
        AdvancedTlsX509KeyManager identity = new AdvancedTlsX509KeyManager();
        present(identity, arguments[1]);

        HealthStatusManager health = new HealthStatusManager();
        Server server = NettyServerBuilder
            .forAddress(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])))
            .sslContext(GrpcSslContexts
                .configure(SslContextBuilder.forServer(identity), SslProvider.JDK).build())
            .addService(health.getHealthService())
            .build().start();
        System.out.println("listening on https://localhost:" + server.getPort());

        // Each byte on standard input reads the certificate anew; its end ends the server.
        while (System.in.read() >= 0) {
            present(identity, arguments[1]);
            System.out.println("reloaded");
        }
        server.shutdown().awaitTermination();
    }

    private static void present(AdvancedTlsX509KeyManager identity, String alias)
            throws Exception {
        // A KeyStore may show for two seconds what it has read before; a new one has read nothing.
        KeyStore keys = KeyStore.getInstance("Keyward");
        keys.load(null, null);
        X509Certificate[] chain = Arrays.stream(keys.getCertificateChain(alias))
            .map(X509Certificate.class::cast).toArray(X509Certificate[]::new);
        identity.updateIdentityCredentials(chain, (PrivateKey) keys.getKey(alias, null));
    }
}
