package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.nimbusds.jose.EncryptionMethod;
import com.nimbusds.jose.JWEAlgorithm;
import com.nimbusds.jose.JWEHeader;
import com.nimbusds.jose.JWEObject;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.Payload;
import com.nimbusds.jose.crypto.ECDSAVerifier;
import com.nimbusds.jose.crypto.RSAEncrypter;
import com.nimbusds.jose.crypto.RSASSAVerifier;
import com.nimbusds.jwt.SignedJWT;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.TlsChannelCredentials;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.PublicKey;
import java.security.interfaces.ECPublicKey;
import java.security.interfaces.RSAPublicKey;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMValidateContext;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The programs in {@code examples/}, each as a process of its own with the finished jar; programs
 * and libraries that know nothing of Keyward judge what they made.
 */
@ExtendWith(RunningService.Extension.class)
class ExamplesTest {
    private static final Path HOME = Path.of(System.getProperty("java.home"));

    @TempDir
    private Path folder;

    private List<String> example(String name, String... arguments) {
        // The simple compiler of the JVM alone: these programs end before the other pays off.
        List<String> command = Processes.java(HOME, "java", "-XX:TieredStopAtLevel=1",
            "-Djava.io.tmpdir=" + folder, "-cp",
            Processes.JAR + ":" + System.getProperty("java.class.path"), name);
        command.addAll(Arrays.asList(arguments));
        return command;
    }

    private String run(RunningService service, String name, String... arguments) {
        return Processes.run(folder, service.environment(), example(name, arguments)).succeeded();
    }

    /** The last line that an example prints; before it, Java may warn of things. */
    private String answer(RunningService service, String name, String... arguments) {
        return run(service, name, arguments).lines().reduce("", (before, line) -> line);
    }

    private String tool(String... command) {
        return Processes.run(folder, Map.of(), List.of(command)).succeeded();
    }

    /** The certificate of a key, which is its own issuer, in a file. */
    private Path certificate(RunningService service, String name) throws Exception {
        return Files.writeString(folder.resolve(name + ".pem"),
            service.keyward("cert", "export", name).succeeded());
    }

    @ParameterizedTest
    @CsvSource({"rsa-2048, SHA256withRSA", "rsa-2048, SHA256withRSAandMGF1",
        "p-384, SHA384withECDSA"})
    void a_cms_message_verifies_in_openssl(String type, String algorithm, RunningService service)
            throws Exception {
        String key = service.key("example-" + type, type);
        Files.writeString(folder.resolve("letter"), "a letter\n");
        run(service, "SignCms", key, algorithm, "letter", "letter.p7m");
        String content = tool("openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in",
            "letter.p7m", "-CAfile", certificate(service, key).toString(), "-purpose", "any");
        assertTrue(content.contains("a letter\n"), content);
    }

    @Test
    void a_signed_pdf_has_a_signature_over_the_whole_file_that_verifies_in_openssl(
            RunningService service) throws Exception {
        String key = service.key("example-rsa-2048", "rsa-2048");
        run(service, "SignPdf", key, "SHA256withRSA", "page.pdf", "signed.pdf");
        byte[] file = Files.readAllBytes(folder.resolve("signed.pdf"));
        String text = new String(file, StandardCharsets.ISO_8859_1);
        Matcher range =
            Pattern.compile("/ByteRange *\\[(\\d+) (\\d+) (\\d+) (\\d+) *\\]").matcher(text);
        assertTrue(range.find(), text);
        int before = Integer.parseInt(range.group(2));
        int after = Integer.parseInt(range.group(3));
        assertEquals("0", range.group(1));
        assertEquals(file.length, after + Integer.parseInt(range.group(4)));
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        content.write(file, 0, before);
        content.write(file, after, file.length - after);
        Files.write(folder.resolve("content"), content.toByteArray());
        // Between the two parts stands <HEX…>, filled up with zeros behind the DER structure.
        Files.write(folder.resolve("signature"),
            HexFormat.of().parseHex(text.substring(before + 1, after - 1)));
        tool("openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "signature",
            "-content", "content", "-CAfile", certificate(service, key).toString(), "-purpose",
            "any", "-out", "verified");
    }

    @ParameterizedTest
    @CsvSource({"rsa-2048, http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "rsa-2048, http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
        "p-384, http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"})
    void a_signed_xml_document_verifies_with_the_public_key(String type, String method,
            RunningService service) throws Exception {
        String key = service.key("example-" + type, type);
        Files.writeString(folder.resolve("order.xml"), "<order><item>tea</item></order>");
        run(service, "SignXml", key, method, "order.xml", "signed.xml");
        DocumentBuilderFactory documents = DocumentBuilderFactory.newInstance();
        documents.setNamespaceAware(true);
        var signature = documents.newDocumentBuilder()
            .parse(folder.resolve("signed.xml").toFile())
            .getElementsByTagNameNS(XMLSignature.XMLNS, "Signature");
        assertEquals(1, signature.getLength());
        DOMValidateContext context =
            new DOMValidateContext(service.publicKey(key), signature.item(0));
        assertTrue(XMLSignatureFactory.getInstance("DOM").unmarshalXMLSignature(context)
            .validate(context));
    }

    @ParameterizedTest
    @CsvSource({"rsa-2048, RS256", "rsa-2048, PS256", "p-384, ES384"})
    void a_token_verifies_with_the_public_key(String type, String algorithm,
            RunningService service) throws Exception {
        String key = service.key("example-" + type, type);
        SignedJWT token = SignedJWT.parse(answer(service, "SignJwt", key, algorithm));
        PublicKey known = service.publicKey(key);
        JWSVerifier verifier = known instanceof RSAPublicKey rsa ? new RSASSAVerifier(rsa)
            : new ECDSAVerifier((ECPublicKey) known);
        assertTrue(token.verify(verifier));
        assertEquals(algorithm, token.getHeader().getAlgorithm().getName());
        assertEquals("alice", token.getJWTClaimsSet().getSubject());
    }

    @Test
    void a_token_encrypted_to_the_public_key_is_opened(RunningService service) throws Exception {
        String key = service.key("example-rsa-2048", "rsa-2048");
        JWEObject token = new JWEObject(
            new JWEHeader(JWEAlgorithm.RSA_OAEP_256, EncryptionMethod.A256GCM),
            new Payload("for your eyes only"));
        token.encrypt(new RSAEncrypter((RSAPublicKey) service.publicKey(key)));
        assertEquals("for your eyes only",
            answer(service, "SignJwt", key, "decrypt", token.serialize()));
    }

    @Test
    void a_signed_windows_program_verifies_in_osslsigncode(RunningService service)
            throws Exception {
        String key = service.key("example-code", "rsa-2048");
        tool("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Test CA",
            "-keyout", "ca.key", "-out", "ca.pem");
        Files.writeString(folder.resolve("code.csr"),
            service.keyward("key", "csr", key, "--subject", "CN=Test").succeeded());
        Files.writeString(folder.resolve("code.ext"), "extendedKeyUsage = codeSigning\n");
        tool("openssl", "x509", "-req", "-in", "code.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-extfile", "code.ext", "-out", "code.pem");
        service.keyward("cert", "import", key, "--in", folder.resolve("code.pem").toString())
            .succeeded();
        Files.write(folder.resolve("program.exe"), emptyWindowsProgram());
        run(service, "SignExecutable", key, "program.exe");
        String verified =
            tool("osslsigncode", "verify", "-CAfile", "ca.pem", "-in", "program.exe");
        assertTrue(verified.contains("Signature verification: ok"), verified);
    }

    @ParameterizedTest
    @ValueSource(strings = {"Tomcat", "Jetty", "Netty", "Undertow"})
    void servers_have_keys_for_each_client_and_take_a_new_certificate_without_a_restart(
            String name, RunningService service) throws Exception {
        String ec = service.key("example-" + name + "-ec", "p-256");
        String rsa = service.key("example-" + name + "-rsa", "rsa-2048");
        try (ServerProcess server = new ServerProcess(service.environment(),
                example(name + "Server", "0", ec, rsa))) {
            for (String version : List.of("-tls1_2", "-tls1_3")) {
                String page = page(server, name, certificate(service, ec), version, "-sigalgs",
                    "ecdsa_secp256r1_sha256");
                assertTrue(page.contains("Peer signature type: ECDSA"), page);
                page = page(server, name, certificate(service, rsa), version, "-sigalgs",
                    "rsa_pss_rsae_sha256:rsa_pkcs1_sha256");
                assertTrue(page.contains("Peer signature type: RSA-PSS"), page);
            }
            Path renewed = renew(service, ec);
            server.reload();
            page(server, name, renewed, "-tls1_3", "-sigalgs", "ecdsa_secp256r1_sha256");
        }
    }

    @Test
    void grpc_serves_and_takes_a_new_certificate_without_a_restart(RunningService service)
            throws Exception {
        String key = service.key("example-grpc", "p-256");
        try (ServerProcess server = new ServerProcess(service.environment(),
                example("GrpcServer", "0", key))) {
            assertEquals(ServingStatus.SERVING, health(server, certificate(service, key)));
            Path renewed = renew(service, key);
            server.reload();
            assertEquals(ServingStatus.SERVING, health(server, renewed));
        }
    }

    /** What the server says of its health to a client that trusts this certificate alone. */
    private static ServingStatus health(ServerProcess server, Path trusted) throws Exception {
        ManagedChannel channel = Grpc.newChannelBuilder("localhost:" + server.ports().get(0),
            TlsChannelCredentials.newBuilder().trustManager(trusted.toFile()).build()).build();
        try {
            return HealthGrpc.newBlockingStub(channel)
                .check(HealthCheckRequest.getDefaultInstance()).getStatus();
        } finally {
            channel.shutdownNow();
        }
    }

    @Test
    void spring_boot_serves_an_ssl_bundle_and_takes_a_new_certificate_when_its_file_is_touched(
            RunningService service) throws Exception {
        String key = service.key("example-spring-boot", "p-256");
        Path file = Files.writeString(folder.resolve("keyward.keys"),
            "# Keyward key store\naliases = \"" + key + "\"\n");
        String bundle = "--spring.ssl.bundle.jks.web.";
        try (ServerProcess server = new ServerProcess(service.environment(),
                example("SpringBootServer", "--server.port=0", "--server.ssl.bundle=web",
                    bundle + "keystore.type=Keyward", bundle + "keystore.location=file:" + file,
                    bundle + "reload-on-update=true",
                    "--spring.ssl.bundle.watch.file.quiet-period=100ms"))) {
            for (String version : List.of("-tls1_2", "-tls1_3")) {
                page(server, "Spring Boot", certificate(service, key), version);
            }
            Path renewed = renew(service, key);
            Files.setLastModifiedTime(file, FileTime.from(Instant.now()));
            Processes.await(() -> pageSeen(server, renewed).contains("Hello from Spring Boot"));
        }
    }

    /** Gives a key another certificate; the file with it. */
    private Path renew(RunningService service, String key) throws Exception {
        String old = Files.readString(certificate(service, key));
        service.keyward("key", "self-sign", key, "--subject", "CN=localhost", "--san",
            "DNS:localhost", "--days", "30").succeeded();
        Path renewed = certificate(service, key);
        assertNotEquals(old, Files.readString(renewed));
        return renewed;
    }

    /** What s_client sees of the page, and of the server, whose certificate has to be this one. */
    private String page(ServerProcess server, String name, Path trusted, String... options)
            throws Exception {
        String seen = pageSeen(server, trusted, options);
        assertTrue(seen.contains("Hello from " + name), seen + "\n" + server.log());
        return seen;
    }

    private String pageSeen(ServerProcess server, Path trusted, String... options) {
        String[] all = Stream.concat(Stream.of("-CAfile", trusted.toString(),
            "-verify_return_error", "-verify_hostname", "localhost"), Stream.of(options))
            .toArray(String[]::new);
        return SClient.connect(folder, server.ports().get(0),
            "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", all);
    }

    @ParameterizedTest
    @CsvSource({"p-256, -tls1_3", "ed25519, -tls1_3", "rsa-2048, -tls1_2"})
    void clients_show_their_certificate(String type, String version, RunningService service)
            throws Exception {
        String key = service.key("example-client-" + type, type);
        tool("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost", "-keyout", "server.key", "-out",
            "server.pem");
        String page = "seen with a certificate\n";
        Files.writeString(folder.resolve("page"), "HTTP/1.1 200 OK\r\nContent-Length: "
            + page.length() + "\r\nConnection: close\r\n\r\n" + page);
        // It serves files, and only to those whose certificate is this one.
        try (ServerProcess server = new ServerProcess(folder, Map.of(), List.of("openssl",
                "s_server", "-accept", "127.0.0.1:0", version, "-HTTP", "-Verify", "1",
                "-verify_return_error", "-CAfile", certificate(service, key).toString(), "-cert",
                "server.pem", "-key", "server.key"))) {
            String pages = run(service, "ClientCertificate", key,
                "https://localhost:" + server.ports().get(0) + "/page", "server.pem");
            for (String client : List.of("java.net.http", "HttpClient")) {
                assertTrue(pages.contains(client + ": 200\n" + page), pages + server.log());
            }
        }
    }

    /** The smallest file that is a 64-bit program to Windows; it has one section, with nothing. */
    private static byte[] emptyWindowsProgram() {
        ByteBuffer file = ByteBuffer.allocate(1024).order(ByteOrder.LITTLE_ENDIAN);
        file.put(new byte[] {'M', 'Z'}).putInt(60, 64).position(64);
        file.put(new byte[] {'P', 'E', 0, 0});
        // COFF header: x86-64, one section, no symbols, size of the next header, executable.
        file.putShort((short) 0x8664).putShort((short) 1).putInt(0).putInt(0).putInt(0)
            .putShort((short) 240).putShort((short) 0x22);
        int optional = file.position();
        file.putShort(optional, (short) 0x20b);
        file.putInt(optional + 16, 4096).putLong(optional + 24, 0x140000000L);
        // Alignment of sections in memory and in the file; sizes of image and headers.
        file.putInt(optional + 32, 4096).putInt(optional + 36, 512);
        file.putShort(optional + 48, (short) 6);
        file.putInt(optional + 56, 8192).putInt(optional + 60, 512);
        file.putShort(optional + 68, (short) 3).putInt(optional + 108, 16);
        int section = optional + 240;
        file.position(section);
        file.put(".text\0\0\0".getBytes(StandardCharsets.US_ASCII));
        file.putInt(1).putInt(4096).putInt(512).putInt(512);
        file.putInt(section + 36, 0x60000020);
        return file.array();
    }
}
