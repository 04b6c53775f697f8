package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.security.Key;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Signature;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The same keys and random inputs here and in the JDK's providers, or in BouncyCastle where the JDK
 * has none: what one makes the other takes, and both refuse alike. AES, HMAC and the rest with secret
 * keys are in {@link SecretKeyTest}. -Dkeyward.seed repeats a run.
 */
@ExtendWith(RunningService.Extension.class)
class DifferentialTest {
    private static final int ROUNDS = 8;
    private static final Map<String, Both> SHARED = new HashMap<>();

    private final KeywardProvider provider;
    private Random random;

    DifferentialTest(RunningService service) {
        provider = service.provider();
    }

    @BeforeEach
    void seed() {
        long seed = Long.getLong("keyward.seed", System.nanoTime());
        System.out.println("-Dkeyward.seed=" + seed);
        random = new Random(seed);
    }

    /** A key in both places. */
    private record Both(KeyPair software, PrivateKey inside) {}

    /** One of each sort is enough for all. */
    private Both shared(String algorithm, int size, KeyRight use) throws Exception {
        String sort = algorithm + size + use;
        Both key = SHARED.get(sort);
        if (key == null) {
            key = both(algorithm, size, use);
            SHARED.put(sort, key);
        }
        return key;
    }

    private Both both(String algorithm, int size, KeyRight use) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm);
        if (size > 0) {
            generator.initialize(size);
        }
        KeyPair pair = generator.generateKeyPair();
        String name = "differs-" + Long.toHexString(System.nanoTime());
        return new Both(pair, KeyFactory.getInstance(algorithm, provider).generatePrivate(
            new KeyImportSpec(pair.getPrivate(), KeyAttributes.named(name).withUses(use))));
    }

    private byte[] bytes(int limit) {
        byte[] bytes = new byte[random.nextInt(limit)];
        random.nextBytes(bytes);
        return bytes;
    }

    static Stream<Arguments> signatures() {
        List<Arguments> cases = new ArrayList<>();
        for (AlgorithmTable.SignatureAlgorithm row : AlgorithmTable.SIGNATURES) {
            String name = row.jca().get(0);
            if (row.digest() == null && !row.scheme().takesMessage) {
                continue;
            }
            switch (row.scheme()) {
                case RSA_PKCS1 -> cases.add(Arguments.of(name, "RSA", 2048));
                case RSA_PSS -> cases.add(Arguments.of(name, "RSA", 3072));
                case ECDSA -> {
                    for (int size : new int[] {256, 384, 521}) {
                        cases.add(Arguments.of(name, "EC", size));
                        cases.add(Arguments.of(name + "inP1363Format", "EC", size));
                    }
                }
                case ED25519 -> cases.add(Arguments.of(name, "Ed25519", 0));
                default -> { }
            }
        }
        return cases.stream();
    }

    @ParameterizedTest
    @MethodSource("signatures")
    void what_one_signs_the_other_verifies(String name, String algorithm, int size)
            throws Exception {
        Both key = shared(algorithm, size, KeyRight.SIGN);
        Signature ours = Signature.getInstance(name, provider);
        Signature theirs = theirs(name);
        for (int round = 0; round < ROUNDS; round++) {
            byte[] message = bytes(5000);
            ours.initSign(key.inside());
            theirs.initSign(key.software().getPrivate());
            if (name.contains("MGF1")) {
                PSSParameterSpec pss = pss(name);
                ours.setParameter(pss);
                theirs.setParameter(pss);
            }
            byte[] made = sign(ours, message);
            byte[] foreign = sign(theirs, message);
            if (name.contains("withRSA") && !name.contains("MGF1") || algorithm.equals("Ed25519")) {
                assertArrayEquals(foreign, made);
            }
            assertTrue(verify(theirs, key, message, made));
            assertTrue(verify(ours, key, message, foreign));
            // Both refuse it when anything is another.
            made[made.length - 1 - random.nextInt(20)] ^= (byte) (1 << random.nextInt(8));
            assertFalse(verify(theirs, key, message, made));
            assertFalse(verify(ours, key, message, made));
        }
    }

    /** The JDK has no names for PSS with a digest, and parameters say the same. */
    private static Signature theirs(String name) throws Exception {
        if (name.contains("MGF1")) {
            return Signature.getInstance("RSASSA-PSS", "SunRsaSign");
        }
        return Signature.getInstance(name, name.contains("RSA") ? "SunRsaSign" : "SunEC");
    }

    private PSSParameterSpec pss(String name) {
        String prefix = name.substring(0, name.indexOf("with"));
        String digest = Stream.of(AlgorithmTable.Digest.values())
            .filter(one -> one.jcaPrefix.equals(prefix)).findFirst().orElseThrow().jca;
        return new PSSParameterSpec(digest, "MGF1", new MGF1ParameterSpec(anyDigest()),
            random.nextInt(65), 1);
    }

    /** One that the JDK has for MGF1. */
    private String anyDigest() {
        List<String> names =
            List.of("SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512", "SHA-512/256");
        return names.get(random.nextInt(names.size()));
    }

    private byte[] sign(Signature signature, byte[] message) throws Exception {
        int first = random.nextInt(message.length + 1);
        signature.update(message, 0, first);
        signature.update(message, first, message.length - first);
        return signature.sign();
    }

    private static boolean verify(Signature signature, Both key, byte[] message, byte[] made)
            throws Exception {
        signature.initVerify(key.software().getPublic());
        signature.update(message);
        try {
            return signature.verify(made);
        } catch (java.security.SignatureException notEvenEncoded) {
            return false;
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {256, 384, 521, 0})
    void both_agree_on_the_same_secret(int size) throws Exception {
        String algorithm = size == 0 ? "X25519" : "EC";
        for (int round = 0; round < ROUNDS; round++) {
            Both key = both(algorithm, size, KeyRight.DERIVE);
            KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm);
            if (size > 0) {
                generator.initialize(size);
            }
            Key peer = generator.generateKeyPair().getPublic();
            String name = size == 0 ? "XDH" : "ECDH";
            assertArrayEquals(agree(name, null, key.software().getPrivate(), peer),
                agree(name, provider, key.inside(), peer));
        }
    }

    private static byte[] agree(String name, Provider provider, Key key, Key peer)
            throws Exception {
        KeyAgreement agreement = provider == null ? KeyAgreement.getInstance(name, "SunEC")
            : KeyAgreement.getInstance(name, provider);
        agreement.init(key);
        agreement.doPhase(peer, true);
        return agreement.generateSecret();
    }

    @ParameterizedTest
    @ValueSource(strings = {"SunJCE", "BC"})
    void both_decrypt_every_mix_of_oaep_and_refuse_alike(String peer) throws Exception {
        Both key = shared("RSA", 2048, KeyRight.DECRYPT);
        Provider others = peer.equals("BC") ? new BouncyCastleProvider() : null;
        String transformation = "RSA/ECB/OAEPPadding";
        Cipher theirs = others == null ? Cipher.getInstance(transformation, peer)
            : Cipher.getInstance(transformation, others);
        Cipher ours = Cipher.getInstance(transformation, provider);
        for (int round = 0; round < 4 * ROUNDS; round++) {
            // The JDK has no SHA-3 here.
            String digest = others == null ? anyDigest()
                : List.of("SHA3-256", "SHA3-384", "SHA-256").get(random.nextInt(3));
            OAEPParameterSpec oaep = new OAEPParameterSpec(digest, "MGF1",
                new MGF1ParameterSpec(others == null ? anyDigest() : digest),
                new PSource.PSpecified(bytes(30)));
            byte[] message = bytes(120);
            theirs.init(Cipher.ENCRYPT_MODE, key.software().getPublic(), oaep);
            byte[] sealed = theirs.doFinal(message);
            ours.init(Cipher.DECRYPT_MODE, key.inside(), oaep);
            assertArrayEquals(message, ours.doFinal(sealed));
            if (round % 4 == 0) {
                sealed[sealed.length / 2] ^= 1;
            } else if (round % 4 == 1) {
                sealed = new byte[sealed.length + 1];
            }
            theirs.init(Cipher.DECRYPT_MODE, key.software().getPrivate(), oaep);
            if (others == null) {
                assertEquals(outcome(theirs, sealed), outcome(ours, sealed));
            }
        }
    }

    /** What a cipher says to an input: the class of its exception, or nothing. */
    private static String outcome(Cipher cipher, byte[] input) {
        try {
            cipher.doFinal(input);
            return "";
        } catch (java.security.GeneralSecurityException refused) {
            return refused.getClass().getName();
        }
    }
}
