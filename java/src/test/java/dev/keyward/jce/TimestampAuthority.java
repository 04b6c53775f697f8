package dev.keyward.jce;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A time-stamping authority (RFC 3161) on the loopback interface: {@code openssl ts} over HTTP. */
final class TimestampAuthority implements AutoCloseable {
    private static final String CONFIGURATION = """
        [req]
        distinguished_name = name
        prompt = no
        x509_extensions = extensions
        [name]
        CN = Test TSA
        [extensions]
        basicConstraints = critical, CA:false
        extendedKeyUsage = critical, timeStamping
        [tsa]
        default_tsa = authority
        [authority]
        serial = tsa.serial
        signer_digest = sha256
        default_policy = 1.3.6.1.4.1.99999.1
        digests = sha256, sha384, sha512
        """;

    private final Path folder;
    private final HttpServer server;

    /** Keeps its key, which is its own, in this folder. */
    TimestampAuthority(Path folder) throws IOException {
        this.folder = folder;
        Files.writeString(folder.resolve("tsa.cnf"), CONFIGURATION);
        openssl("req", "-x509", "-config", "tsa.cnf", "-newkey", "rsa:2048", "-nodes", "-days",
            "30", "-keyout", "tsa.key", "-out", "tsa.pem");
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", this::answer);
        server.start();
    }

    String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort() + "/";
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            Files.write(folder.resolve("tsa.query"), exchange.getRequestBody().readAllBytes());
            openssl("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "tsa.query", "-inkey",
                "tsa.key", "-signer", "tsa.pem", "-out", "tsa.reply");
            byte[] reply = Files.readAllBytes(folder.resolve("tsa.reply"));
            exchange.getResponseHeaders().set("Content-Type", "application/timestamp-reply");
            exchange.sendResponseHeaders(200, reply.length);
            exchange.getResponseBody().write(reply);
        }
    }

    private void openssl(String... arguments) {
        List<String> command = new ArrayList<>(List.of("openssl"));
        command.addAll(List.of(arguments));
        Processes.run(folder, Map.of(), command).succeeded();
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
