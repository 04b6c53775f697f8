package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Security;
import java.security.Signature;
import java.security.SignatureException;
import java.security.spec.EdDSAParameterSpec;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Signatures; the JDK's own providers verify them. */
@ExtendWith(RunningService.Extension.class)
class SignatureTest {
    private static final byte[] MESSAGE = "to be signed".getBytes(StandardCharsets.UTF_8);
    private static final PSSParameterSpec PSS_SHA256 =
        new PSSParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, 32, 1);

    /** Every name of every row of the table, with a type of key that suits. */
    static Stream<Arguments> namesAndKeyTypes() {
        List<Arguments> cases = new ArrayList<>();
        for (AlgorithmTable.SignatureAlgorithm row : AlgorithmTable.SIGNATURES) {
            if (row.digest() == null && !row.scheme().takesMessage) {
                continue;
            }
            List<String> types = switch (row.scheme()) {
                case RSA_PKCS1 -> List.of("rsa-2048");
                case RSA_PSS -> List.of("rsa-2048", "rsa-pss-2048");
                case ECDSA -> List.of("p-256", "p-384", "p-521");
                case ED25519, ED25519PH -> List.of("ed25519");
                // Late JDKs have somebody to verify them.
                case ML_DSA_44, ML_DSA_65, ML_DSA_87 -> Security.getAlgorithms("Signature")
                    .contains("ML-DSA") ? List.of(row.jca().get(0)) : List.of();
                default -> List.of();
            };
            List<String> names = new ArrayList<>(row.jca());
            if (row.scheme() == AlgorithmTable.Scheme.ECDSA) {
                names.add(row.jca().get(0) + "inP1363Format");
            }
            if (row.oid() != null && row.scheme() != AlgorithmTable.Scheme.RSA_PSS) {
                names.add(row.oid());
                names.add("OID." + row.oid());
            }
            names.forEach(name -> types.forEach(type -> cases.add(Arguments.of(name, type))));
        }
        return cases.stream();
    }

    @ParameterizedTest
    @MethodSource("namesAndKeyTypes")
    void every_name_signs_what_the_jdk_verifies(String name, String type, RunningService service)
            throws Exception {
        KeywardPrivateKey key = service.privateKey(service.key(type));
        Signature signer = Signature.getInstance(name, service.provider());
        signer.initSign(key);
        signer.update(MESSAGE);
        byte[] signature = signer.sign();
        assertTrue(verifier(name, key.publicKey(), signer).verify(signature));
    }

    /** A verifier of the JDK's that has taken the message. */
    private static Signature verifier(String name, PublicKey key, Signature signer)
            throws Exception {
        boolean pss = name.contains("MGF1") || name.contains("/PSS") || name.contains("RSASSA");
        boolean prehash = name.equals("Ed25519ph");
        Signature verifier =
            Signature.getInstance(pss ? "RSASSA-PSS" : prehash ? "Ed25519" : name);
        if (prehash) {
            verifier.setParameter(new EdDSAParameterSpec(true));
        }
        if (pss) {
            verifier.setParameter(
                signer.getParameters().getParameterSpec(PSSParameterSpec.class));
        }
        verifier.initVerify(key);
        assertFalse(verifier.getProvider() instanceof KeywardProvider);
        verifier.update(MESSAGE);
        return verifier;
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void pss_parameters_may_come_before_or_after_the_key(boolean before, RunningService service)
            throws Exception {
        KeywardPrivateKey key = service.privateKey(service.key("rsa-2048"));
        PSSParameterSpec parameters =
            new PSSParameterSpec("SHA-384", "MGF1", MGF1ParameterSpec.SHA256, 20, 1);
        Signature signer = Signature.getInstance("RSASSA-PSS", service.provider());
        if (before) {
            signer.setParameter(parameters);
        }
        signer.initSign(key);
        if (!before) {
            signer.setParameter(parameters);
        }
        for (int round = 0; round < 2; round++) {
            signer.update(MESSAGE);
            assertTrue(verifier("RSASSA-PSS", key.publicKey(), signer).verify(signer.sign()));
        }
    }

    @Test
    void names_that_the_jdk_lacks_verify_too(RunningService service) throws Exception {
        KeywardPrivateKey key = service.privateKey(service.key("rsa-2048"));
        byte[] signature = sign("SHA256withRSAandMGF1", key, MESSAGE, service);
        Security.addProvider(service.provider());
        try {
            Signature verifier = Signature.getInstance("SHA256withRSA/PSS");
            verifier.initVerify(key.publicKey());
            verifier.update(MESSAGE);
            assertTrue(verifier.verify(signature));

            // Of a message that Ed25519 could not sign: it would travel as a whole.
            KeywardPrivateKey prehashes = service.privateKey(service.key("ed25519"));
            byte[] message = new byte[1 << 20];
            byte[] large = sign("Ed25519ph", prehashes, message, service);
            Signature prehash = Signature.getInstance("Ed25519ph");
            prehash.initVerify(prehashes.publicKey());
            prehash.update(message);
            assertTrue(prehash.verify(large));
            prehash.update(MESSAGE);
            assertFalse(prehash.verify(large));
        } finally {
            Security.removeProvider("Keyward");
        }
    }

    @Test
    void pss_without_parameters_or_with_wrong_ones_is_refused(RunningService service)
            throws Exception {
        KeywardPrivateKey key = service.privateKey(service.key("rsa-2048"));
        Signature signer = Signature.getInstance("RSASSA-PSS", service.provider());
        assertNull(signer.getParameters());
        signer.initSign(key);
        assertThrows(SignatureException.class, () -> signer.update(MESSAGE));
        for (PSSParameterSpec wrong : List.of(
                new PSSParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, 32, 2),
                new PSSParameterSpec("SHA-256", "MGF2", MGF1ParameterSpec.SHA256, 32, 1),
                new PSSParameterSpec("MD5", "MGF1", MGF1ParameterSpec.SHA256, 32, 1),
                new PSSParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, 223, 1))) {
            assertThrows(InvalidAlgorithmParameterException.class,
                () -> signer.setParameter(wrong), wrong.toString());
        }
        signer.setParameter(PSS_SHA256);
        signer.update(MESSAGE);
        assertThrows(InvalidAlgorithmParameterException.class,
            () -> signer.setParameter(PSS_SHA256));
    }

    @Test
    void ml_dsa_signs_with_fresh_randomness_or_without(RunningService service) throws Exception {
        for (String type : List.of("ml-dsa-44", "ml-dsa-65", "ml-dsa-87")) {
            KeywardPrivateKey key = service.privateKey(service.key(type));
            Signature signer = Signature.getInstance("ML-DSA", service.provider());
            signer.initSign(key);
            byte[] first = signed(signer);
            assertFalse(Arrays.equals(first, signed(signer)));
            signer.setParameter(MlDsaVariant.DETERMINISTIC);
            byte[] same = signed(signer);
            assertArrayEquals(same, signed(signer));
            // The parameter is the object's, as that of RSASSA-PSS is.
            signer.initSign(key);
            assertArrayEquals(same, signed(signer));
            signer.setParameter(MlDsaVariant.HEDGED);
            assertFalse(Arrays.equals(same, signed(signer)));
            signer.update(MESSAGE);
            assertThrows(InvalidAlgorithmParameterException.class,
                () -> signer.setParameter(MlDsaVariant.DETERMINISTIC));
            // Of the digest as of the message, and before the key too.
            Signature external = Signature.getInstance("ML-DSA-EXTERNAL-MU", service.provider());
            external.setParameter(MlDsaVariant.DETERMINISTIC);
            external.initSign(key);
            byte[] mu = new byte[64];
            external.update(mu);
            byte[] once = external.sign();
            external.update(mu);
            assertArrayEquals(once, external.sign());
        }
    }

    private static byte[] signed(Signature signer) throws SignatureException {
        signer.update(MESSAGE);
        return signer.sign();
    }

    @Test
    void parameters_that_an_algorithm_does_not_have_are_refused(RunningService service)
            throws Exception {
        for (String name : List.of("SHA256withECDSA", "SHA256withRSA", "Ed25519", "RSASSA-PSS")) {
            Signature signer = Signature.getInstance(name, service.provider());
            assertThrows(InvalidAlgorithmParameterException.class,
                () -> signer.setParameter(MlDsaVariant.HEDGED), name);
        }
        Signature signer = Signature.getInstance("Ed25519", service.provider());
        signer.initSign(service.privateKey(service.key("ed25519")));
        byte[] signature = signed(signer);
        // Plain Ed25519 in the JDK's words; its variants are others' part.
        signer.setParameter(new EdDSAParameterSpec(false));
        assertArrayEquals(signature, signed(signer));
        assertThrows(InvalidAlgorithmParameterException.class,
            () -> signer.setParameter(new EdDSAParameterSpec(true)));
        Signature prehash = Signature.getInstance("Ed25519ph", service.provider());
        prehash.setParameter(new EdDSAParameterSpec(true));
        assertThrows(InvalidAlgorithmParameterException.class,
            () -> prehash.setParameter(new EdDSAParameterSpec(false)));
        assertThrows(InvalidAlgorithmParameterException.class,
            () -> signer.setParameter(new EdDSAParameterSpec(false, new byte[1])));
    }

    @Test
    void buffers_of_every_kind_are_read_and_short_ones_refused(RunningService service)
            throws Exception {
        byte[] message = new byte[10_000];
        new Random().nextBytes(message);
        for (String[] way : new String[][] {{"rsa-2048", "SHA256withRSA"}, {"ed25519", "Ed25519"}}) {
            Signature signer = Signature.getInstance(way[1], service.provider());
            signer.initSign(service.privateKey(service.key(way[0])));
            signer.update(message);
            byte[] expected = signer.sign();
            ByteBuffer direct = ByteBuffer.allocateDirect(message.length).put(message).flip();
            for (ByteBuffer buffer : List.of(direct, direct.asReadOnlyBuffer(),
                    ByteBuffer.wrap(message).asReadOnlyBuffer(), ByteBuffer.wrap(message))) {
                signer.update(buffer);
                assertEquals(0, buffer.remaining());
                assertArrayEquals(expected, signer.sign());
                buffer.rewind();
            }
            byte[] out = new byte[expected.length + 10];
            signer.update(message);
            assertThrows(SignatureException.class,
                () -> signer.sign(out, 0, expected.length - 1));
            signer.update(message);
            assertEquals(expected.length, signer.sign(out, 10, expected.length));
            assertArrayEquals(expected, Arrays.copyOfRange(out, 10, out.length));
        }
    }

    @Test
    void a_digest_that_the_caller_made_is_signed_as_it_is(RunningService service)
            throws Exception {
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(MESSAGE);
        KeywardPrivateKey ec = service.privateKey(service.key("p-256"));
        Signature verifier = Signature.getInstance("SHA256withECDSA");
        verifier.initVerify(ec.publicKey());
        verifier.update(MESSAGE);
        assertTrue(verifier.verify(sign("NONEwithECDSA", ec, digest, service)));

        byte[] prefix = java.util.HexFormat.of().parseHex("3031300d060960864801650304020105000420");
        byte[] digestInfo = ByteBuffer.allocate(prefix.length + digest.length)
            .put(prefix).put(digest).array();
        KeywardPrivateKey rsa = service.privateKey(service.key("rsa-2048"));
        assertArrayEquals(sign("SHA256withRSA", rsa, MESSAGE, service),
            sign("NONEwithRSA", rsa, digestInfo, service));
    }

    private static byte[] sign(String name, KeywardPrivateKey key, byte[] message,
            RunningService service) throws Exception {
        Signature signer = Signature.getInstance(name, service.provider());
        signer.initSign(key);
        signer.update(message);
        return signer.sign();
    }

    @Test
    void a_signature_object_signs_one_message_after_another(RunningService service)
            throws Exception {
        KeywardPrivateKey key = service.privateKey(service.key("rsa-2048"));
        Signature signer = Signature.getInstance("SHA256withRSA", service.provider());
        signer.initSign(key);
        signer.update(MESSAGE);
        byte[] first = signer.sign();
        signer.update(MESSAGE, 0, 4);
        signer.update(MESSAGE, 4, MESSAGE.length - 4);
        assertArrayEquals(first, signer.sign());
        signer.update("not this".getBytes(StandardCharsets.UTF_8));
        signer.initSign(key);
        signer.update(MESSAGE);
        assertArrayEquals(first, signer.sign());
    }

    @Test
    void thousands_of_half_open_objects_cost_nothing_outside_java(RunningService service)
            throws Exception {
        KeywardPrivateKey key = service.privateKey(service.key("p-256"));
        KeywardProvider provider = service.provider();
        List<Signature> open = new ArrayList<>();
        for (int i = 0; i < 5_000; i++) {
            Signature signer = Signature.getInstance("SHA256withECDSA", provider);
            signer.initSign(key);
            signer.update(MESSAGE);
            open.add(signer);
        }
        long before = descriptors();
        for (int i = 0; i < open.size(); i += 50) {
            Signature signer = open.get(i);
            assertTrue(verifier("SHA256withECDSA", key.publicKey(), signer)
                .verify(signer.sign()));
        }
        // Far from one for each, whatever else Java has opened meanwhile.
        assertTrue(descriptors() < before + 20, before + " before, " + descriptors());
    }

    /** The files and connections that this process has open. */
    private static long descriptors() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.count();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void the_place_in_the_list_of_providers_does_not_matter(boolean first, RunningService service)
            throws Exception {
        KeywardPrivateKey key = service.privateKey(service.key("p-256"));
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(256);
        var software = generator.generateKeyPair();
        KeywardProvider provider = service.provider();
        Security.insertProviderAt(provider, first ? 1 : Security.getProviders().length + 1);
        try {
            Signature signer = Signature.getInstance("SHA256withECDSA");
            signer.initSign(key);
            assertEquals("Keyward", signer.getProvider().getName());
            signer.update(MESSAGE);
            byte[] ours = signer.sign();
            // The same object goes on with us, and we hand it to the JDK.
            signer.initVerify(key.publicKey());
            signer.update(MESSAGE);
            assertTrue(signer.verify(ours));
            for (boolean signs : new boolean[] {true, false}) {
                Signature other = Signature.getInstance("SHA256withECDSA");
                if (signs) {
                    other.initSign(software.getPrivate());
                } else {
                    other.initVerify(key.publicKey());
                }
                assertEquals("SunEC", other.getProvider().getName());
            }
        } finally {
            Security.removeProvider("Keyward");
        }
    }

    @Test
    void with_keyward_first_pss_with_parameters_first_still_works_for_software_keys(
            RunningService service) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(2048);
        var software = generator.generateKeyPair();
        Security.insertProviderAt(service.provider(), 1);
        try {
            Signature signer = Signature.getInstance("RSASSA-PSS");
            signer.setParameter(PSS_SHA256);
            signer.initSign(software.getPrivate());
            signer.update(MESSAGE);
            byte[] signature = signer.sign();
            Signature verifier = Signature.getInstance("RSASSA-PSS");
            verifier.setParameter(PSS_SHA256);
            verifier.initVerify(software.getPublic());
            verifier.update(MESSAGE);
            assertTrue(verifier.verify(signature));
        } finally {
            Security.removeProvider("Keyward");
        }
    }

    @Test
    void foreign_and_unsuitable_keys_are_refused_at_init(RunningService service)
            throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(2048);
        Signature signer = Signature.getInstance("SHA256withRSA", service.provider());
        assertThrows(InvalidKeyException.class,
            () -> signer.initSign(generator.generateKeyPair().getPrivate()));
        KeywardPrivateKey ec = service.privateKey(service.key("p-256"));
        assertThrows(InvalidKeyException.class, () -> signer.initSign(ec));
        assertThrows(InvalidKeyException.class, () -> signer.initSign(null));
    }

    @Test
    void a_key_that_may_not_sign_is_refused_at_init(RunningService service) throws Exception {
        service.keyward("key", "generate", "only-decrypts", "--type", "rsa-2048", "--usage",
            "decrypt").succeeded();
        KeywardPrivateKey key = service.privateKey("only-decrypts");
        Signature signer = Signature.getInstance("SHA256withRSA", service.provider());
        InvalidKeyException refusal =
            assertThrows(InvalidKeyException.class, () -> signer.initSign(key));
        assertTrue(refusal.getMessage().contains("keyward key show"), refusal.getMessage());
    }

    @Test
    void a_key_that_was_deleted_meanwhile_fails_in_sign_and_says_so(RunningService service)
            throws Exception {
        KeywardPrivateKey key = service.privateKey(service.key("short-lived", "p-256"));
        Signature signer = Signature.getInstance("SHA256withECDSA", service.provider());
        signer.initSign(key);
        service.keyward("key", "delete", "short-lived", "--yes").succeeded();
        signer.update(MESSAGE);
        SignatureException failure = assertThrows(SignatureException.class, signer::sign);
        assertSame(ErrorKind.NOT_FOUND,
            assertInstanceOf(KeywardException.class, failure.getCause()).kind());
    }

    @Test
    void while_the_service_is_away_sign_fails_and_afterwards_it_works_again() throws Exception {
        try (RunningService service = new RunningService()) {
            KeywardPrivateKey key = service.privateKey(service.key("p-256"));
            Signature signer = Signature.getInstance("SHA256withECDSA", service.provider());
            signer.initSign(key);
            service.stop();
            signer.update(MESSAGE);
            SignatureException failure = assertThrows(SignatureException.class, signer::sign);
            assertSame(ErrorKind.UNAVAILABLE,
                assertInstanceOf(KeywardException.class, failure.getCause()).kind());
            assertTrue(failure.getMessage().contains(service.address()), failure.getMessage());
            service.start();
            byte[] signature = signWithinSeconds(60, signer);
            assertTrue(verifier("SHA256withECDSA", key.publicKey(), signer).verify(signature));
        }
    }

    /** After an outage the client tries again once in a while only. */
    private static byte[] signWithinSeconds(int seconds, Signature signer) throws Exception {
        long end = System.nanoTime() + seconds * 1_000_000_000L;
        while (true) {
            try {
                signer.update(MESSAGE);
                return signer.sign();
            } catch (SignatureException stillAway) {
                if (System.nanoTime() > end) {
                    throw stillAway;
                }
                Thread.sleep(50);
            }
        }
    }
}
