import dev.keyward.jce.KeywardProvider;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.security.KeyStore;
import java.security.Security;
import org.apache.catalina.Context;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;
import org.apache.coyote.http11.AbstractHttp11Protocol;
import org.apache.tomcat.util.net.SSLHostConfig;
import org.apache.tomcat.util.net.SSLHostConfigCertificate;

/**
 * An HTTPS server of Apache Tomcat, its keys in the Keyward service; of several keys (one RSA, one
 * EC) each client gets one that it can use. It needs org.apache.tomcat.embed:tomcat-embed-core. In
 * {@code server.xml} the same is
 *
 * <pre>{@code
 * <Certificate type="EC" certificateKeystoreType="Keyward" certificateKeystoreFile="NONE"
 *              certificateKeyAlias="web"/>
 * }</pre>
 *
 * <pre>TomcatServer PORT ALIAS…</pre>
 */
public class TomcatServer {
    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new KeywardProvider());
        KeyStore keys = KeyStore.getInstance("Keyward");
        keys.load(null, null);

        SSLHostConfig host = new SSLHostConfig();
        for (int i = 1; i < arguments.length; i++) {
            String algorithm = keys.getCertificate(arguments[i]).getPublicKey().getAlgorithm();
            SSLHostConfigCertificate certificate = new SSLHostConfigCertificate(host,
                SSLHostConfigCertificate.Type.valueOf(algorithm));
            certificate.setCertificateKeystoreType("Keyward");
            certificate.setCertificateKeystoreFile("NONE");
            certificate.setCertificateKeyAlias(arguments[i]);
            host.addCertificate(certificate);
        }
        Connector connector = new Connector();
        connector.setPort(Integer.parseInt(arguments[0]));
        connector.setSecure(true);
        connector.setScheme("https");
        connector.setProperty("SSLEnabled", "true");
        connector.setProperty("address", "127.0.0.1");
        connector.addSslHostConfig(host);

        File work = Files.createTempDirectory("tomcat-").toFile();
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(work.getPath());
        tomcat.setConnector(connector);
        Context pages = tomcat.addContext("", work.getPath());
        Tomcat.addServlet(pages, "hello", new Hello()).addMapping("/");
        tomcat.start();
        System.out.println("listening on https://localhost:" + connector.getLocalPort());

        // Each byte on standard input reads the certificates anew; its end ends the server.
        while (System.in.read() >= 0) {
            ((AbstractHttp11Protocol<?>) connector.getProtocolHandler()).reloadSslHostConfigs();
            System.out.println("reloaded");
        }
        tomcat.stop();
        tomcat.destroy();
    }

    private static final class Hello extends HttpServlet {
        private static final long serialVersionUID = 1L;

        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response)
                throws IOException {
            response.getWriter().println("Hello from Tomcat");
        }
    }
}
