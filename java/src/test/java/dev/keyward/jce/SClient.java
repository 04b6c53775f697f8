package dev.keyward.jce;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** OpenSSL's client, which knows nothing of Keyward. */
final class SClient {
    /**
     * What it prints about a connection, until the server ends it. Names of signature algorithms
     * are those of OpenSSL 3.0; later ones write those of the TLS registry.
     */
    static String connect(Path folder, int port, String input, String... options) {
        List<String> command = new ArrayList<>(
            List.of("openssl", "s_client", "-connect", "localhost:" + port, "-ign_eof"));
        command.addAll(List.of(options));
        return Processes.run(folder, Map.of(), command, input).output()
            .replaceAll("signature type: rsa_pss_\\w+", "signature type: RSA-PSS")
            .replaceAll("signature type: rsa_pkcs1_\\w+", "signature type: RSA")
            .replaceAll("signature type: ecdsa_\\w+", "signature type: ECDSA");
    }

    private SClient() {}
}
