package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidParameterException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.ProviderException;
import java.security.Security;
import java.security.Signature;
import java.security.SignatureException;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.security.spec.RSAKeyGenParameterSpec;
import java.math.BigInteger;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(RunningService.Extension.class)
class KeyPairGeneratorTest {
    @Test
    void a_named_key_is_made_in_the_service(RunningService service) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", service.provider());
        generator.initialize(KeyAttributes.named("made-by-java")
            .ofType("p-384").withUses(KeyRight.SIGN));
        KeyPair pair = generator.generateKeyPair();
        assertInstanceOf(KeywardPrivateKey.class, pair.getPrivate());
        String shown = service.keyward("key", "show", "made-by-java").succeeded();
        assertTrue(shown.contains("p-384"), shown);
        assertEquals(pair.getPublic(), service.publicKey("made-by-java"));
        ProviderException again = assertThrows(ProviderException.class, generator::generateKeyPair);
        assertSame(ErrorKind.ALREADY_EXISTS,
            assertInstanceOf(KeywardException.class, again.getCause()).kind());
    }

    @Test
    void a_key_is_held_to_what_its_attributes_say(RunningService service) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", service.provider());
        Instant end = Instant.parse("2099-01-31T00:00:00Z");
        generator.initialize(KeyAttributes.named("held").ofType("p-256")
            .withAlgorithms("SHA256withECDSA").validFrom(Instant.EPOCH).validUntil(end)
            .wrappedWithTrustedOnly());
        PrivateKey key = generator.generateKeyPair().getPrivate();
        String shown = service.keyward("key", "show", "held").succeeded();
        for (String fact : List.of("ecdsa-sha256", "2099-01-31T00:00:00Z", "trusted key")) {
            assertTrue(shown.contains(fact), shown);
        }
        Signature permitted = Signature.getInstance("SHA256withECDSA", service.provider());
        permitted.initSign(key);
        permitted.update(new byte[10]);
        assertTrue(permitted.sign().length > 60);
        Signature other = Signature.getInstance("SHA384withECDSA", service.provider());
        other.initSign(key);
        other.update(new byte[10]);
        SignatureException refused = assertThrows(SignatureException.class, other::sign);
        assertSame(ErrorKind.PERMISSION_DENIED,
            assertInstanceOf(KeywardException.class, refused.getCause()).kind());

        generator.initialize(KeyAttributes.named("approved").ofType("p-256").needingApproval());
        Signature waiting = Signature.getInstance("SHA256withECDSA", service.provider());
        waiting.initSign(generator.generateKeyPair().getPrivate());
        refused = assertThrows(SignatureException.class, waiting::sign);
        assertSame(ErrorKind.APPROVAL_REQUIRED,
            assertInstanceOf(KeywardException.class, refused.getCause()).kind());
    }

    @Test
    void the_usual_ways_to_ask_are_understood(RunningService service) throws Exception {
        var specs = Map.of(
            new ECGenParameterSpec("secp256r1"), "p-256",
            new ECGenParameterSpec("P-521"), "p-521",
            new ECGenParameterSpec("1.3.132.0.34"), "p-384");
        for (var spec : specs.entrySet()) {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", service.provider());
            generator.initialize(spec.getKey());
            assertTypeOfNewKey(spec.getValue(), generator, service);
        }
        KeyPairGenerator ec = KeyPairGenerator.getInstance("EC", service.provider());
        ec.initialize(384);
        assertTypeOfNewKey("p-384", ec, service);
        KeyPairGenerator rsa = KeyPairGenerator.getInstance("RSA", service.provider());
        rsa.initialize(new RSAKeyGenParameterSpec(2048, RSAKeyGenParameterSpec.F4));
        assertTypeOfNewKey("rsa-2048", rsa, service);
        for (String algorithm : List.of("EdDSA", "Ed25519")) {
            assertTypeOfNewKey("ed25519",
                KeyPairGenerator.getInstance(algorithm, service.provider()), service);
        }
        assertTypeOfNewKey("x25519", KeyPairGenerator.getInstance("X25519", service.provider()),
            service);
    }

    private static void assertTypeOfNewKey(String type, KeyPairGenerator generator,
            RunningService service) throws Exception {
        KeywardPrivateKey key = (KeywardPrivateKey) generator.generateKeyPair().getPrivate();
        assertTrue(key.toString().contains(" " + type + " "), key.toString());
        service.keyward("key", "delete", key.keyName(), "--yes").succeeded();
    }

    @Test
    void what_the_service_does_not_make_is_refused(RunningService service) throws Exception {
        KeyPairGenerator rsa = KeyPairGenerator.getInstance("RSA", service.provider());
        assertThrows(InvalidAlgorithmParameterException.class,
            () -> rsa.initialize(new RSAKeyGenParameterSpec(2048, BigInteger.valueOf(3))));
        assertThrows(InvalidAlgorithmParameterException.class,
            () -> rsa.initialize(KeyAttributes.named("x").ofType("p-256")));
        // What the key would be held to would be lost.
        KeyPairGenerator pss = KeyPairGenerator.getInstance("RSASSA-PSS", service.provider());
        assertThrows(InvalidAlgorithmParameterException.class, () -> pss.initialize(
            new RSAKeyGenParameterSpec(2048, RSAKeyGenParameterSpec.F4, PSSParameterSpec.DEFAULT)));
        rsa.initialize(1024);
        assertThrows(ProviderException.class, rsa::generateKeyPair);
        KeyPairGenerator ec = KeyPairGenerator.getInstance("EC", service.provider());
        assertThrows(InvalidAlgorithmParameterException.class,
            () -> ec.initialize(new ECGenParameterSpec("sect163k1")));
        assertThrows(InvalidParameterException.class, () -> ec.initialize(255));
    }

    @Test
    void with_keyward_first_only_named_keys_are_made_in_the_service(RunningService service)
            throws Exception {
        Security.insertProviderAt(service.provider(), 1);
        try {
            for (String algorithm : List.of("RSA", "EC", "XDH", "X25519", "Ed25519")) {
                KeyPairGenerator plain = KeyPairGenerator.getInstance(algorithm);
                assertFalse(plain.generateKeyPair().getPrivate() instanceof KeywardPrivateKey,
                    algorithm);
            }
            KeyPairGenerator sized = KeyPairGenerator.getInstance("EC");
            sized.initialize(256);
            assertFalse(sized.generateKeyPair().getPrivate() instanceof KeywardPrivateKey);
            KeyPairGenerator named = KeyPairGenerator.getInstance("EC");
            named.initialize(KeyAttributes.named("named-first"));
            assertInstanceOf(KeywardPrivateKey.class, named.generateKeyPair().getPrivate());
        } finally {
            Security.removeProvider("Keyward");
        }
    }
}
