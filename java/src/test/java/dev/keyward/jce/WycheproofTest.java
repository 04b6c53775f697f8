package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPrivateKeySpec;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.NamedParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.PSSParameterSpec;
import java.security.spec.X509EncodedKeySpec;
import java.security.spec.XECPrivateKeySpec;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.Mac;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The vectors of project Wycheproof through the provider, their keys imported. Every vector was
 * tried on the cryptography itself; here it is what lies between that counts, so each set gives all
 * that share a key, and of the others some evenly chosen ones.
 */
@ExtendWith(RunningService.Extension.class)
class WycheproofTest {
    /** Each imported key is written to the service's disk. */
    private static final int KEYS_PER_SET = 24;
    /** Written by the example "wycheproof" of keyward-crypto. */
    private static final Path VECTORS = Path.of(System.getProperty("keyward.wycheproof",
        "../target/wycheproof.tsv"));
    private static final byte[] X25519_SPKI = bytes("302a300506032b656e032100");

    private final KeywardProvider provider;
    private final Map<String, Key> keys = new HashMap<>();
    private String operation;
    private int tried;

    WycheproofTest(RunningService service) {
        provider = service.provider();
    }

    /** One vector: what stands behind the operation's name. */
    private record Vector(String name, String result, List<String> fields) {
        static Vector of(String line) {
            String[] parts = line.split("\t", -1);
            return new Vector(parts[1], parts[2], Arrays.asList(parts).subList(3, parts.length));
        }

        String text(int field) {
            return fields.get(field);
        }

        byte[] bytes(int field) {
            return WycheproofTest.bytes(fields.get(field));
        }
    }

    private static byte[] bytes(String hex) {
        return HexFormat.of().parseHex(hex);
    }

    @ParameterizedTest
    @ValueSource(strings = {"rsa-pkcs1", "rsa-oaep", "ecdh", "x25519", "mac", "aes-gcm",
        "aes-cbc", "signature"})
    void vectors_come_out_as_they_should(String operation) throws Exception {
        assumeTrue(Files.exists(VECTORS), "cargo run -p keyward-crypto --example wycheproof"
            + " > target/wycheproof.tsv writes the vectors");
        this.operation = operation;
        Map<String, List<Vector>> sets = new HashMap<>();
        try (Stream<String> lines = Files.lines(VECTORS)) {
            lines.filter(line -> line.startsWith(operation + "\t")).map(Vector::of)
                .forEach(vector -> sets.computeIfAbsent(vector.name.replaceAll("-[0-9]+$", ""),
                    set -> new java.util.ArrayList<>()).add(vector));
        }
        assertFalse(sets.isEmpty());
        for (List<Vector> set : sets.values()) {
            for (Vector vector : chosen(set)) {
                check(vector);
            }
        }
        assertTrue(tried >= 24, tried + " vectors");
    }

    /** Those with one of some keys, evenly chosen from all. */
    private List<Vector> chosen(List<Vector> set) {
        List<String> all = set.stream().map(this::key).distinct().toList();
        int step = (all.size() + KEYS_PER_SET - 1) / KEYS_PER_SET;
        List<String> some = all.stream().filter(key -> all.indexOf(key) % step == 0).toList();
        return set.stream().filter(vector -> some.contains(key(vector))).toList();
    }

    private String key(Vector vector) {
        return vector.text(switch (operation) {
            case "rsa-oaep", "signature" -> 2;
            case "ecdh", "mac" -> 1;
            default -> 0;
        });
    }

    private void check(Vector vector) throws Exception {
        String expected = vector.text(vector.fields.size() - 1);
        String found;
        try {
            byte[] output = output(vector);
            found = output == null ? null : HexFormat.of().formatHex(output);
        } catch (GeneralSecurityException | IllegalArgumentException | IllegalStateException
                refused) {
            // An empty key is an argument that SecretKeySpec refuses.
            if (refused.getCause() instanceof KeywardException failure
                    && failure.kind() == ErrorKind.UNSUPPORTED) {
                return;
            }
            found = null;
        }
        tried++;
        if (vector.result.equals("valid")) {
            assertTrue(expected.equals(found), vector.name + ": " + found);
        } else if (vector.result.equals("invalid")) {
            assertFalse(expected.equals(found), vector.name);
        }
    }

    /** What comes of it; null for what is not offered. */
    private byte[] output(Vector vector) throws Exception {
        return switch (operation) {
            case "rsa-pkcs1" -> decrypt("RSA/ECB/PKCS1Padding", rsa(vector), null,
                vector.bytes(1));
            case "rsa-oaep" -> decrypt("RSA/ECB/OAEPPadding", rsa(vector),
                new OAEPParameterSpec(vector.text(0), "MGF1",
                    new MGF1ParameterSpec(vector.text(1)),
                    new PSource.PSpecified(vector.bytes(3))), vector.bytes(4));
            case "ecdh" -> agree("ECDH", "EC", ec(vector), vector.bytes(2));
            case "x25519" -> agree("XDH", "XDH", x25519(vector), join(X25519_SPKI,
                vector.bytes(1)));
            case "mac" -> mac(vector);
            case "aes-gcm" -> gcm(vector);
            case "signature" -> verify(vector);
            default -> decrypt("AES/CBC/PKCS5Padding", secret("AES", vector, KeyRight.DECRYPT),
                new IvParameterSpec(vector.bytes(1)), vector.bytes(2));
        };
    }

    private byte[] decrypt(String transformation, Key key,
            java.security.spec.AlgorithmParameterSpec parameters, byte[] input) throws Exception {
        Cipher cipher = Cipher.getInstance(transformation, provider);
        cipher.init(Cipher.DECRYPT_MODE, key, parameters);
        return cipher.doFinal(input);
    }

    /** One if the signature is valid: Keyward has the other providers verify. */
    private byte[] verify(Vector vector) throws Exception {
        boolean accepted = verify(vector, Signature.getInstance(vector.text(0), provider));
        if (accepted && vector.result.equals("invalid")
                && verify(vector, Signature.getInstance(vector.text(0)))) {
            // SunEC takes some encodings that are too long or too short; so it is not ours.
            assertTrue(vector.name.contains("P1363") || vector.name.startsWith("Ed25519"),
                vector.name);
            return null;
        }
        return accepted ? new byte[] {1} : null;
    }

    private boolean verify(Vector vector, Signature signature) throws Exception {
        String algorithm = vector.text(0);
        if (!vector.text(1).isEmpty()) {
            String[] pss = vector.text(1).split(" ");
            signature.setParameter(new PSSParameterSpec(pss[0], "MGF1",
                new MGF1ParameterSpec(pss[1]), Integer.parseInt(pss[2]), 1));
        }
        String family = vector.name.contains("WithParams") ? "RSASSA-PSS"
            : algorithm.contains("RSA") ? "RSA" : algorithm.contains("ECDSA") ? "EC" : "Ed25519";
        signature.initVerify(KeyFactory.getInstance(family, provider)
            .generatePublic(new X509EncodedKeySpec(vector.bytes(2))));
        signature.update(vector.bytes(3));
        return signature.verify(vector.bytes(4));
    }

    private byte[] gcm(Vector vector) throws Exception {
        Key key = secret("AES", vector, KeyRight.DECRYPT);
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding", provider);
        int tagBits = 8 * (vector.bytes(3).length - vector.bytes(4).length);
        byte[] iv = vector.bytes(1);
        if (iv.length != 12) {
            // Other sizes are not offered, be the vector valid or not.
            assertThrowsAtInit(cipher, key, tagBits, iv);
            return vector.result.equals("valid") ? vector.bytes(4) : null;
        }
        cipher.init(Cipher.DECRYPT_MODE, key, new GCMParameterSpec(tagBits, iv));
        cipher.updateAAD(vector.bytes(2));
        return cipher.doFinal(vector.bytes(3));
    }

    private static void assertThrowsAtInit(Cipher cipher, Key key, int tagBits, byte[] iv) {
        org.junit.jupiter.api.Assertions.assertThrows(
            java.security.InvalidAlgorithmParameterException.class,
            () -> cipher.init(Cipher.DECRYPT_MODE, key, new GCMParameterSpec(tagBits, iv)));
    }

    private byte[] mac(Vector vector) throws Exception {
        boolean cmac = vector.text(0).equals("AESCMAC");
        if (!cmac && vector.bytes(1).length < 14) {
            return vector.result.equals("valid") ? vector.bytes(3) : null;
        }
        Mac mac = Mac.getInstance(vector.text(0), provider);
        mac.init(secret(cmac ? "AES" : vector.text(0), vector, KeyRight.SIGN));
        // Shorter tags are the beginning of the whole code.
        return Arrays.copyOf(mac.doFinal(vector.bytes(2)), vector.bytes(3).length);
    }

    private byte[] agree(String algorithm, String factory, Key key, byte[] peer)
            throws Exception {
        KeyAgreement agreement = KeyAgreement.getInstance(algorithm, provider);
        agreement.init(key);
        agreement.doPhase(KeyFactory.getInstance(factory).generatePublic(
            new X509EncodedKeySpec(peer)), true);
        return agreement.generateSecret();
    }

    private interface Maker {
        Key make() throws GeneralSecurityException;
    }

    private Key imported(Vector vector, Maker maker) throws GeneralSecurityException {
        String id = operation + vector.name.replaceAll("-[0-9]+$", "") + key(vector);
        Key key = keys.get(id);
        if (key == null) {
            key = maker.make();
            keys.put(id, key);
        }
        return key;
    }

    private Key pair(String algorithm, PrivateKey software, KeyRight use)
            throws GeneralSecurityException {
        return KeyFactory.getInstance(algorithm, provider).generatePrivate(
            new KeyImportSpec(software, attributes(use)));
    }

    private KeyAttributes attributes(KeyRight use) {
        return KeyAttributes.named("wycheproof-" + operation + "-" + keys.size()).withUses(use);
    }

    private Key rsa(Vector vector) throws GeneralSecurityException {
        PKCS8EncodedKeySpec encoded = new PKCS8EncodedKeySpec(bytes(key(vector)));
        return imported(vector, () -> pair("RSA",
            KeyFactory.getInstance("RSA", "SunRsaSign").generatePrivate(encoded),
            KeyRight.DECRYPT));
    }

    private Key ec(Vector vector) throws GeneralSecurityException {
        return imported(vector, () -> {
            AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
            curve.init(new ECGenParameterSpec(vector.text(0)));
            ECPrivateKeySpec spec = new ECPrivateKeySpec(new BigInteger(1, vector.bytes(1)),
                curve.getParameterSpec(ECParameterSpec.class));
            return pair("EC", KeyFactory.getInstance("EC", "SunEC").generatePrivate(spec),
                KeyRight.DERIVE);
        });
    }

    private Key x25519(Vector vector) throws GeneralSecurityException {
        return imported(vector, () -> pair("XDH", KeyFactory.getInstance("XDH", "SunEC")
            .generatePrivate(new XECPrivateKeySpec(NamedParameterSpec.X25519, vector.bytes(0))),
            KeyRight.DERIVE));
    }

    private Key secret(String algorithm, Vector vector, KeyRight use)
            throws GeneralSecurityException {
        byte[] bytes = bytes(key(vector));
        return imported(vector, () -> SecretKeyFactory.getInstance(algorithm, provider)
            .generateSecret(new SecretKeyImportSpec(new SecretKeySpec(bytes, algorithm),
                attributes(use))));
    }

    private static byte[] join(byte[] first, byte[] second) {
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }
}
