package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.security.InvalidKeyException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Security;
import java.security.interfaces.ECKey;
import java.security.spec.NamedParameterSpec;
import javax.crypto.KeyAgreement;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Key agreement; the other side is the JDK's own provider. */
@ExtendWith(RunningService.Extension.class)
class KeyAgreementTest {
    @ParameterizedTest
    @CsvSource({"p-256, ECDH, true", "p-384, ECDH, false", "p-521, ECDH, true",
        "x25519, X25519, true", "x25519, XDH, false"})
    void both_sides_get_the_same_secret(String type, String algorithm, boolean first,
            RunningService service) throws Exception {
        String name = service.key("agrees-" + type, type, "--usage", "derive");
        KeywardPrivateKey key = service.privateKey(name);
        KeyPairGenerator generator =
            KeyPairGenerator.getInstance(algorithm.equals("ECDH") ? "EC" : "X25519");
        generator.initialize(key instanceof ECKey ec
            ? ec.getParams() : NamedParameterSpec.X25519);
        KeyPair other = generator.generateKeyPair();
        Security.insertProviderAt(service.provider(),
            first ? 1 : Security.getProviders().length + 1);
        try {
            KeyAgreement ours = KeyAgreement.getInstance(algorithm);
            ours.init(key);
            assertEquals("Keyward", ours.getProvider().getName());
            ours.doPhase(other.getPublic(), true);
            KeyAgreement theirs = KeyAgreement.getInstance(algorithm);
            theirs.init(other.getPrivate());
            assertEquals("SunEC", theirs.getProvider().getName());
            theirs.doPhase(key.publicKey(), true);
            byte[] secret = theirs.generateSecret();
            assertArrayEquals(secret, ours.generateSecret());
            assertThrows(IllegalStateException.class, ours::generateSecret);
            ours.doPhase(other.getPublic(), true);
            assertArrayEquals(secret, ours.generateSecret("TlsPremasterSecret").getEncoded());
        } finally {
            Security.removeProvider("Keyward");
        }
    }

    @Test
    void a_key_that_only_signs_is_refused(RunningService service) throws Exception {
        KeyAgreement agreement = KeyAgreement.getInstance("ECDH", service.provider());
        KeywardPrivateKey key = service.privateKey(service.key("p-256"));
        assertThrows(InvalidKeyException.class, () -> agreement.init(key));
    }

    @Test
    void a_public_key_of_another_curve_is_refused(RunningService service) throws Exception {
        service.keyward("key", "generate", "agrees", "--type", "p-256", "--usage", "derive")
            .succeeded();
        KeyAgreement agreement = KeyAgreement.getInstance("ECDH", service.provider());
        agreement.init(service.privateKey("agrees"));
        var other = service.publicKey(service.key("p-384"));
        assertThrows(InvalidKeyException.class, () -> agreement.doPhase(other, true));
    }
}
