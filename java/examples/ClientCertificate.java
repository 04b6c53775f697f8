import dev.keyward.jce.KeyFilter;
import dev.keyward.jce.KeywardProvider;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.apache.hc.client5.http.classic.methods.HttpGet;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.client5.http.ssl.DefaultClientTlsStrategy;
import org.apache.hc.core5.http.io.entity.EntityUtils;

/**
 * Fetches a page that wants a client certificate, twice: with Java's own client and with Apache
 * HttpClient. The client's key is in the Keyward service. It needs
 * org.apache.httpcomponents.client5:httpclient5.
 *
 * <pre>ClientCertificate ALIAS URL TRUSTED.pem</pre>
 */
public class ClientCertificate {
    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new KeywardProvider());
        KeyStore keys = KeyStore.getInstance("Keyward");
        keys.load(KeyFilter.all().withAliases(arguments[0]));
        KeyManagerFactory managers =
            KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(keys, null);
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(managers.getKeyManagers(), trusting(Path.of(arguments[2])).getTrustManagers(),
            null);
        URI page = URI.create(arguments[1]);

        HttpResponse<String> response = HttpClient.newBuilder().sslContext(tls).build()
            .send(HttpRequest.newBuilder(page).build(), HttpResponse.BodyHandlers.ofString());
        System.out.println("java.net.http: " + response.statusCode() + "\n" + response.body());

        try (CloseableHttpClient client = HttpClients.custom().setConnectionManager(
                PoolingHttpClientConnectionManagerBuilder.create()
                    .setTlsSocketStrategy(new DefaultClientTlsStrategy(tls)).build()).build()) {
            String answered = client.execute(new HttpGet(page), answer ->
                "HttpClient: " + answer.getCode() + "\n"
                    + EntityUtils.toString(answer.getEntity()));
            System.out.println(answered);
        }
    }

    private static TrustManagerFactory trusting(Path pem) throws Exception {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        try (InputStream file = Files.newInputStream(pem)) {
            for (Certificate certificate
                    : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
                trusted.setCertificateEntry("trusted-" + trusted.size(), certificate);
            }
        }
        TrustManagerFactory managers =
            TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(trusted);
        return managers;
    }
}
