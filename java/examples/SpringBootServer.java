import dev.keyward.jce.KeywardProvider;
import java.io.IOException;
import java.security.Security;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * An HTTPS server of Spring Boot whose key is in the Keyward service. It needs
 * org.springframework.boot:spring-boot-starter-web. TLS comes from an SSL bundle in
 * {@code application.properties}, or from the command line as here:
 *
 * <pre>
 * server.ssl.bundle=web
 * spring.ssl.bundle.jks.web.keystore.type=Keyward
 * spring.ssl.bundle.jks.web.keystore.location=file:/etc/app/keyward.keys
 * spring.ssl.bundle.jks.web.reload-on-update=true
 * </pre>
 *
 * <p>The key store file names the key: {@code aliases = "web"}. Spring Boot watches that file, so a
 * renewed certificate is taken without a restart after {@code touch /etc/app/keyward.keys}.
 *
 * <pre>SpringBootServer --PROPERTY=VALUE…</pre>
 */
@RestController
@EnableAutoConfiguration
public class SpringBootServer {
    @GetMapping("/")
    String hello() {
        return "Hello from Spring Boot\n";
    }

    public static void main(String[] arguments) throws IOException {
        Security.addProvider(new KeywardProvider());
        ConfigurableApplicationContext application =
            SpringApplication.run(SpringBootServer.class, arguments);
        System.out.println("listening on https://localhost:"
            + application.getEnvironment().getProperty("local.server.port"));
    }
}
