package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.Provider;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Security;
import java.security.Signature;
import java.security.spec.EdDSAParameterSpec;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.KeyGenerator;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Nothing is offered that was never tried: each service that the provider lists is documented from
 * the table, and does its work here once. Finer points are the other tests' part.
 */
@ExtendWith(RunningService.Extension.class)
class ServicesTest {
    @TempDir
    Path folder;

    private static final byte[] MESSAGE = "a message".getBytes(StandardCharsets.UTF_8);
    private static final PSSParameterSpec PSS =
        new PSSParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, 32, 1);
    private static final AtomicInteger NUMBER = new AtomicInteger();
    private static final boolean JAVA_HAS_ML_DSA =
        Security.getAlgorithms("Signature").contains("ML-DSA");

    /** Type and algorithm of every service. */
    static Stream<Object[]> services() {
        return new KeywardProvider().getServices().stream()
            .map(service -> new Object[] {service.getType(), service.getAlgorithm()});
    }

    @Test
    void the_documentation_that_is_rendered_from_the_table_lists_every_service_and_no_other()
            throws Exception {
        Set<String> documented = new TreeSet<>();
        String text = Files.readString(Path.of("../docs/algorithms.md"));
        Matcher section = Pattern.compile("(?s)## Services of the Java provider\n(.*?)\n## ")
            .matcher(text);
        assertTrue(section.find());
        Matcher row = Pattern.compile("(?m)^\\| `(\\w+)` \\| (.*) \\|$")
            .matcher(section.group(1));
        while (row.find()) {
            for (String name : row.group(2).split(", ")) {
                String service = row.group(1) + " " + name.replace("`", "");
                // As the section says of them.
                if (isOf(service, row.group(1))) {
                    documented.add(service);
                }
            }
        }
        Set<String> offered = new TreeSet<>();
        services().forEach(service -> offered.add(service[0] + " " + service[1]));
        assertEquals(documented, offered);
    }

    /** Whether a service that is documented is one of this Java, and of this jar. */
    private static boolean isOf(String service, String type) throws Exception {
        int feature = Runtime.version().feature();
        return switch (type) {
            case "KeyFactory" -> JAVA_HAS_ML_DSA || !service.startsWith("KeyFactory ML-DSA");
            case "KEM" -> feature >= 21 && LaterJavasTest.isWhole();
            case "KDF" -> feature >= 25 && LaterJavasTest.isWhole();
            default -> true;
        };
    }

    @ParameterizedTest
    @MethodSource("services")
    void every_service_is_described_to_users(String type, String algorithm) throws Exception {
        String manual = Files.readString(Path.of("../docs/java.md"));
        assertTrue(manual.contains(type), type);
    }

    @ParameterizedTest
    @MethodSource("services")
    void every_service_does_its_work(String type, String algorithm, RunningService service)
            throws Exception {
        Provider provider = service.provider();
        switch (type) {
            case "KeyStore" -> {
                KeyStore keys = KeyStore.getInstance(algorithm, provider);
                keys.load(null, null);
                assertNotNull(keys.getKey(service.key("p-256"), null));
            }
            case "Signature" -> signs(algorithm, provider, service);
            case "Cipher" -> decrypts(algorithm, provider, service);
            case "Mac" -> authenticates(algorithm, provider);
            case "KeyAgreement" -> agrees(algorithm, provider, service);
            case "KeyPairGenerator" -> makesPairs(algorithm, provider);
            case "KeyFactory" -> imports(algorithm, provider);
            case "KeyGenerator" -> {
                KeyGenerator generator = KeyGenerator.getInstance(algorithm, provider);
                generator.init(KeyAttributes.named(name()));
                assertTrue(generator.generateKey() instanceof KeywardSecretKey);
            }
            case "SecretKeyFactory" -> assertEquals(256, ((KeywardSecretKey) secret(algorithm,
                provider)).keyBits());
            case "KEM" -> LaterJavasTest.decapsulate(Path.of(System.getProperty("java.home")),
                algorithm, folder, service);
            case "KDF" -> LaterJavasTest.derive(Path.of(System.getProperty("java.home")),
                algorithm, folder, service);
            case "AlgorithmParameters" -> {
                AlgorithmParameters parameters =
                    AlgorithmParameters.getInstance(algorithm, provider);
                parameters.init(OAEPParameterSpec.DEFAULT);
                AlgorithmParameters read = AlgorithmParameters.getInstance(algorithm, provider);
                read.init(parameters.getEncoded());
                assertEquals("SHA-1", read.getParameterSpec(OAEPParameterSpec.class)
                    .getDigestAlgorithm());
            }
            case "SecureRandom" -> assertEquals(20,
                SecureRandom.getInstance(algorithm, provider).generateSeed(20).length);
            default -> throw new AssertionError("nobody tries " + type + " " + algorithm);
        }
    }

    private static String name() {
        return "service-" + NUMBER.incrementAndGet();
    }

    /** A type of key for an algorithm whose name says what it is for. */
    private static String keyType(String algorithm) {
        if (algorithm.contains("ECDSA")) {
            return "p-256";
        }
        if (algorithm.startsWith("ML-DSA")) {
            return Set.of(AlgorithmTable.ML_DSA, AlgorithmTable.ML_DSA_MU).contains(algorithm)
                ? "ml-dsa-44"
                : algorithm.toLowerCase(java.util.Locale.ROOT);
        }
        return algorithm.startsWith("Ed25519") ? "ed25519" : "rsa-2048";
    }

    private static void signs(String algorithm, Provider provider, RunningService service)
            throws Exception {
        KeywardPrivateKey key = service.privateKey(service.key(keyType(algorithm)));
        boolean pss = algorithm.contains("MGF1") || algorithm.equals("RSASSA-PSS");
        Signature signer = Signature.getInstance(algorithm, provider);
        signer.initSign(key);
        if (algorithm.equals("RSASSA-PSS")) {
            signer.setParameter(PSS);
        }
        boolean mu = algorithm.equals(AlgorithmTable.ML_DSA_MU);
        signer.update(mu ? new byte[64] : MESSAGE);
        byte[] signature = signer.sign();
        if (mu || algorithm.startsWith("ML-DSA") && !JAVA_HAS_ML_DSA) {
            // This JDK does not know it; the service's own tests verify such signatures.
            assertTrue(signature.length > 2000);
            return;
        }
        boolean prehash = algorithm.equals("Ed25519ph");
        Signature verifier =
            Signature.getInstance(pss ? "RSASSA-PSS" : prehash ? "Ed25519" : algorithm);
        if (prehash) {
            verifier.setParameter(new EdDSAParameterSpec(true));
        }
        if (pss) {
            verifier.setParameter(
                signer.getParameters().getParameterSpec(PSSParameterSpec.class));
        }
        verifier.initVerify(key.publicKey());
        verifier.update(MESSAGE);
        assertTrue(verifier.verify(signature));
    }

    private static void decrypts(String algorithm, Provider provider, RunningService service)
            throws Exception {
        if (algorithm.contains("/ECB/")) {
            SecretKey key = secret("AES", provider);
            Cipher cipher = Cipher.getInstance(algorithm, provider);
            cipher.init(Cipher.ENCRYPT_MODE, key);
            // Off unless the service's configuration says otherwise; what it does then is the
            // service's own tests' part.
            assertTrue(org.junit.jupiter.api.Assertions.assertThrows(
                java.security.ProviderException.class, () -> cipher.doFinal(new byte[16]))
                .getMessage().contains("switched off"));
            return;
        }
        if (Stream.of(AlgorithmTable.Wrapping.values())
                .anyMatch(way -> way != AlgorithmTable.Wrapping.AES_GCM
                    && way != AlgorithmTable.Wrapping.RSA_OAEP
                    && way.jca.get(0).startsWith(algorithm))) {
            wraps(algorithm, provider, service);
            return;
        }
        byte[] input = new byte[32];
        boolean rsa = algorithm.equals("RSA");
        KeywardPrivateKey pair = rsa ? service.privateKey(service.key("rsa-2048")) : null;
        Key key = rsa ? pair : secret("AES", provider);
        Cipher encrypt = rsa ? Cipher.getInstance(algorithm)
            : Cipher.getInstance(algorithm, provider);
        encrypt.init(Cipher.ENCRYPT_MODE, rsa ? pair.publicKey() : key);
        byte[] ciphertext = encrypt.doFinal(input);
        Cipher decrypt = Cipher.getInstance(algorithm, provider);
        decrypt.init(Cipher.DECRYPT_MODE, key, encrypt.getParameters());
        assertArrayEquals(input, decrypt.doFinal(ciphertext));
    }

    private static void wraps(String algorithm, Provider provider, RunningService service)
            throws Exception {
        SecretKeyFactory factory = SecretKeyFactory.getInstance("AES", provider);
        SecretKeySpec software = new SecretKeySpec(new byte[32], "AES");
        SecretKey leaving = factory.generateSecret(new SecretKeyImportSpec(software,
            KeyAttributes.named(name()).asExportable()));
        boolean rsa = algorithm.startsWith("RSA");
        KeywardPrivateKey pair = rsa ? service.privateKey(
            service.key("unwraps-rsa", "rsa-2048", "--usage", "unwrap")) : null;
        Key key = rsa ? pair : factory.generateSecret(new SecretKeyImportSpec(software,
            KeyAttributes.named(name()).withUses(KeyRight.WRAP, KeyRight.UNWRAP)));
        Cipher cipher = Cipher.getInstance(rsa ? algorithm + "/ECB/OAEPPadding" : algorithm,
            provider);
        cipher.init(Cipher.WRAP_MODE, rsa ? pair.publicKey() : key);
        byte[] wrapped = cipher.wrap(leaving);
        cipher.init(Cipher.UNWRAP_MODE, key, KeyAttributes.named(name()));
        KeywardSecretKey entered =
            (KeywardSecretKey) cipher.unwrap(wrapped, "AES", Cipher.SECRET_KEY);
        assertEquals(256, entered.keyBits());
    }

    private static SecretKey secret(String algorithm, Provider provider) throws Exception {
        KeyAttributes attributes = KeyAttributes.named(name());
        if (algorithm.equals("AES")) {
            attributes =
                attributes.withUses(KeyRight.ENCRYPT, KeyRight.DECRYPT, KeyRight.SIGN);
        }
        return SecretKeyFactory.getInstance(algorithm, provider).generateSecret(
            new SecretKeyImportSpec(new SecretKeySpec(new byte[32], algorithm), attributes));
    }

    private static void authenticates(String algorithm, Provider provider) throws Exception {
        Mac mac = Mac.getInstance(algorithm, provider);
        mac.init(secret(algorithm.startsWith("AES") ? "AES" : algorithm, provider));
        assertEquals(mac.getMacLength(), mac.doFinal(MESSAGE).length);
    }

    private static void agrees(String algorithm, Provider provider, RunningService service)
            throws Exception {
        boolean ec = algorithm.startsWith("ECDH");
        String type = ec ? "p-256" : "x25519";
        KeywardPrivateKey key =
            service.privateKey(service.key("agrees-" + type, type, "--usage", "derive"));
        KeyPairGenerator generator = KeyPairGenerator.getInstance(ec ? "EC" : "X25519");
        if (ec) {
            generator.initialize(new ECGenParameterSpec("secp256r1"));
        }
        KeyPair other = generator.generateKeyPair();
        if (algorithm.endsWith("KDF")) {
            KeyAgreement agreement = KeyAgreement.getInstance(algorithm, provider);
            agreement.init(key, KeyAttributes.named(name()));
            agreement.doPhase(other.getPublic(), true);
            assertEquals(256, ((KeywardSecretKey) agreement.generateSecret("AES")).keyBits());
            return;
        }
        assertArrayEquals(
            secret(KeyAgreement.getInstance(algorithm), other.getPrivate(), key.publicKey()),
            secret(KeyAgreement.getInstance(algorithm, provider), key, other.getPublic()));
    }

    private static byte[] secret(KeyAgreement agreement, Key key, PublicKey peer)
            throws GeneralSecurityException {
        agreement.init(key);
        agreement.doPhase(peer, true);
        return agreement.generateSecret();
    }

    private static void makesPairs(String algorithm, Provider provider) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm, provider);
        KeyAttributes attributes = KeyAttributes.named(name());
        // Not the default size, which takes its time.
        generator.initialize(switch (algorithm) {
            case "RSA" -> attributes.ofType("rsa-2048");
            case "RSASSA-PSS" -> attributes.ofType("rsa-pss-2048");
            default -> attributes;
        });
        KeyPair pair = generator.generateKeyPair();
        KeywardPrivateKey key = (KeywardPrivateKey) pair.getPrivate();
        assertEquals(attributes.name(), key.keyName());
        assertEquals(pair.getPublic(), key.publicKey());
    }

    private static void imports(String algorithm, Provider provider) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm);
        if (algorithm.startsWith("RSA")) {
            generator.initialize(2048);
        }
        KeyPair pair = generator.generateKeyPair();
        KeywardPrivateKey key = (KeywardPrivateKey) KeyFactory.getInstance(algorithm, provider)
            .generatePrivate(new KeyImportSpec(pair.getPrivate(), KeyAttributes.named(name())));
        assertArrayEquals(pair.getPublic().getEncoded(), key.publicKey().getEncoded());
    }
}
