package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.KeyStore;
import java.security.KeyStoreException;
import java.security.ProviderException;
import java.security.SecureRandom;
import java.security.Security;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.InvalidKeySpecException;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import javax.crypto.AEADBadTagException;
import javax.crypto.BadPaddingException;
import javax.crypto.Cipher;
import javax.crypto.IllegalBlockSizeException;
import javax.crypto.KeyGenerator;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.SecretKeyFactory;
import javax.crypto.ShortBufferException;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Secret keys; SunJCE has the same keys in software and must come to the same results. */
@ExtendWith(RunningService.Extension.class)
class SecretKeyTest {
    private static final byte[] MESSAGE = "an order".getBytes(StandardCharsets.UTF_8);
    private static final AtomicInteger NUMBER = new AtomicInteger();

    /** A key that both sides have. */
    private record Shared(SecretKeySpec software, KeywardSecretKey inside) {}

    private static Shared shared(String algorithm, int bytes, RunningService service,
            KeyRight... uses) throws Exception {
        byte[] secret = new byte[bytes];
        new SecureRandom().nextBytes(secret);
        SecretKeySpec software = new SecretKeySpec(secret, algorithm);
        KeyAttributes attributes = KeyAttributes.named("shared-" + NUMBER.incrementAndGet());
        if (uses.length > 0) {
            attributes = attributes.withUses(uses[0], Arrays.copyOfRange(uses, 1, uses.length));
        }
        SecretKeyFactory factory = SecretKeyFactory.getInstance(algorithm, service.provider());
        return new Shared(software, (KeywardSecretKey) factory.generateSecret(
            new SecretKeyImportSpec(software, attributes)));
    }

    static Stream<Arguments> ciphersAndKeySizes() {
        return Stream.of(AlgorithmTable.SymmetricCipher.values())
            // ECB is off in a service that was not told otherwise.
            .filter(cipher -> cipher.ivBytes > 0)
            .flatMap(cipher -> Stream.of(16, 24, 32).map(bytes -> Arguments.of(cipher, bytes)));
    }

    @ParameterizedTest
    @MethodSource("ciphersAndKeySizes")
    void each_side_decrypts_what_the_other_encrypts(AlgorithmTable.SymmetricCipher cipher,
            int keyBytes, RunningService service) throws Exception {
        Shared key = shared("AES", keyBytes, service);
        Random random = new Random();
        Cipher ours = Cipher.getInstance(cipher.jca, service.provider());
        Cipher theirs = Cipher.getInstance(cipher.jca, "SunJCE");
        for (int round = 0; round < 6; round++) {
            byte[] plain = new byte[cipher.wholeBlocks
                ? 16 * random.nextInt(5) : random.nextInt(100)];
            byte[] aad = new byte[cipher.authenticated ? random.nextInt(20) : 0];
            random.nextBytes(plain);
            random.nextBytes(aad);

            ours.init(Cipher.ENCRYPT_MODE, key.inside());
            byte[] sealed = run(ours, aad, plain, random.nextInt(plain.length + 1));
            theirs.init(Cipher.DECRYPT_MODE, key.software(), parameters(cipher, ours.getIV()));
            assertArrayEquals(plain, run(theirs, aad, sealed, 0));

            theirs.init(Cipher.ENCRYPT_MODE, key.software());
            byte[] foreign = run(theirs, aad, plain, 0);
            ours.init(Cipher.DECRYPT_MODE, key.inside(), theirs.getParameters());
            assertArrayEquals(plain, run(ours, aad, foreign, random.nextInt(foreign.length + 1)));
            assertArrayEquals(theirs.getIV(), ours.getIV());
        }
    }

    /** Feeds the input in two parts. */
    private static byte[] run(Cipher cipher, byte[] aad, byte[] input, int first)
            throws Exception {
        if (aad.length > 0) {
            cipher.updateAAD(aad);
        }
        byte[] out = new byte[cipher.getOutputSize(input.length) + 32];
        int length = cipher.update(input, 0, first, out, 0);
        length += cipher.doFinal(input, first, input.length - first, out, length);
        return Arrays.copyOf(out, length);
    }

    private static AlgorithmParameterSpec parameters(AlgorithmTable.SymmetricCipher cipher,
            byte[] iv) {
        return cipher.authenticated ? new GCMParameterSpec(128, iv) : new IvParameterSpec(iv);
    }

    @Test
    void with_a_vector_of_the_callers_cbc_gives_what_sunjce_gives(RunningService service)
            throws Exception {
        Shared key = shared("AES", 32, service);
        byte[] iv = new byte[16];
        Cipher ours = Cipher.getInstance("AES/CBC/PKCS5Padding", service.provider());
        ours.init(Cipher.ENCRYPT_MODE, key.inside(), new IvParameterSpec(iv));
        Cipher theirs = Cipher.getInstance("AES/CBC/PKCS5Padding", "SunJCE");
        theirs.init(Cipher.ENCRYPT_MODE, key.software(), new IvParameterSpec(iv));
        assertArrayEquals(theirs.doFinal(MESSAGE), ours.doFinal(MESSAGE));
    }

    static Stream<AlgorithmTable.SymmetricCipher> streams() {
        return Stream.of(AlgorithmTable.SymmetricCipher.values())
            .filter(cipher -> cipher.ivBytes > 0 && !cipher.authenticated);
    }

    @ParameterizedTest
    @MethodSource("streams")
    void messages_of_any_size_go_through_in_parts(AlgorithmTable.SymmetricCipher cipher,
            RunningService service) throws Exception {
        Shared key = shared("AES", 32, service);
        // The counter of CTR runs over within the message.
        byte[] iv = java.util.HexFormat.of().parseHex("ffffffffffffffffffffffffffffff00");
        Cipher theirs = Cipher.getInstance(cipher.jca, "SunJCE");
        theirs.init(Cipher.ENCRYPT_MODE, key.software(), new IvParameterSpec(iv));
        Cipher ours = Cipher.getInstance(cipher.jca, service.provider());
        int part = KeywardAesCipher.PART_BYTES;
        for (int size : new int[] {part - 16, part, part + 16, 3 * part, 5 * part + 48}) {
            byte[] plain = new byte[size];
            new Random().nextBytes(plain);
            byte[] sealed = theirs.doFinal(plain);
            // Twice, since doFinal leaves the cipher as init did.
            ours.init(Cipher.ENCRYPT_MODE, key.inside(), new IvParameterSpec(iv));
            assertArrayEquals(sealed, ours.doFinal(plain));
            assertArrayEquals(sealed, inPieces(ours, plain));
            assertArrayEquals(iv, ours.getIV());
            ours.init(Cipher.DECRYPT_MODE, key.inside(), new IvParameterSpec(iv));
            assertArrayEquals(plain, ours.doFinal(sealed));
            assertArrayEquals(plain, inPieces(ours, sealed));
        }
        assertThrows(ShortBufferException.class,
            () -> ours.update(new byte[part + 1], 0, part + 1, new byte[part - 1], 0));
    }

    private static byte[] inPieces(Cipher cipher, byte[] input) throws Exception {
        java.io.ByteArrayOutputStream output = new java.io.ByteArrayOutputStream();
        Random random = new Random();
        for (int at = 0; at < input.length;) {
            int length = Math.min(random.nextInt(400_000), input.length - at);
            byte[] piece = cipher.update(input, at, length);
            if (piece != null) {
                output.write(piece);
            }
            at += length;
        }
        output.write(cipher.doFinal());
        return output.toByteArray();
    }

    static Stream<AlgorithmTable.SymmetricCipher> ciphers() {
        return Stream.of(AlgorithmTable.SymmetricCipher.values())
            .filter(cipher -> cipher.ivBytes > 0);
    }

    @ParameterizedTest
    @MethodSource("ciphers")
    void buffers_of_every_kind_go_in_and_out(AlgorithmTable.SymmetricCipher cipher,
            RunningService service) throws Exception {
        Shared key = shared("AES", 32, service);
        Cipher theirs = Cipher.getInstance(cipher.jca, "SunJCE");
        Cipher ours = Cipher.getInstance(cipher.jca, service.provider());
        // More than the JDK takes out of a buffer at once, and more than a request carries.
        for (int size : new int[] {0, 16, 4096, 10_000, KeywardAesCipher.PART_BYTES + 4096}) {
            byte[] plain = new byte[size / 16 * 16];
            new Random().nextBytes(plain);
            theirs.init(Cipher.ENCRYPT_MODE, key.software());
            byte[] sealed = theirs.doFinal(plain);
            ByteBuffer direct = ByteBuffer.allocateDirect(sealed.length).put(sealed).flip();
            for (ByteBuffer in : List.of(direct, direct.asReadOnlyBuffer(),
                    ByteBuffer.wrap(sealed).asReadOnlyBuffer(), ByteBuffer.wrap(sealed))) {
                for (boolean outside : new boolean[] {true, false}) {
                    ours.init(Cipher.DECRYPT_MODE, key.inside(), theirs.getParameters());
                    int room = ours.getOutputSize(sealed.length);
                    ByteBuffer out =
                        outside ? ByteBuffer.allocateDirect(room) : ByteBuffer.allocate(room);
                    assertEquals(plain.length, ours.doFinal(in.rewind(), out));
                    assertEquals(0, in.remaining());
                    assertEquals(ByteBuffer.wrap(plain), out.flip());
                }
            }
            ours.init(Cipher.ENCRYPT_MODE, key.inside());
            ByteBuffer out = ByteBuffer.allocateDirect(ours.getOutputSize(plain.length));
            ours.doFinal(ByteBuffer.allocateDirect(plain.length).put(plain).flip(), out);
            theirs.init(Cipher.DECRYPT_MODE, key.software(), ours.getParameters());
            byte[] made = new byte[out.flip().remaining()];
            out.get(made);
            assertArrayEquals(plain, theirs.doFinal(made));
        }
    }

    @ParameterizedTest
    @MethodSource("ciphers")
    void where_the_room_is_too_small_the_same_call_with_more_succeeds(
            AlgorithmTable.SymmetricCipher cipher, RunningService service) throws Exception {
        Shared key = shared("AES", 32, service);
        Cipher theirs = Cipher.getInstance(cipher.jca, "SunJCE");
        Cipher ours = Cipher.getInstance(cipher.jca, service.provider());
        for (int size : new int[] {160, KeywardAesCipher.PART_BYTES + 160}) {
            byte[] plain = new byte[size];
            new Random().nextBytes(plain);
            theirs.init(Cipher.ENCRYPT_MODE, key.software());
            byte[] sealed = theirs.doFinal(plain);
            ours.init(Cipher.DECRYPT_MODE, key.inside(), theirs.getParameters());
            byte[] out = new byte[size];
            int begun = ours.update(sealed, 0, 32, out, 0);
            for (int room : new int[] {0, size - 1}) {
                assertThrows(ShortBufferException.class, () -> ours.doFinal(sealed, 32,
                    sealed.length - 32, new byte[room], 0));
            }
            int length = ours.doFinal(sealed, 32, sealed.length - 32, out, begun);
            assertEquals(size, begun + length);
            assertArrayEquals(plain, out);
            // And into where it came from.
            assertEquals(size, ours.doFinal(sealed, 0, sealed.length, sealed, 0));
            assertArrayEquals(plain, Arrays.copyOf(sealed, size));

            ours.init(Cipher.ENCRYPT_MODE, key.inside());
            int whole = ours.getOutputSize(size);
            assertThrows(ShortBufferException.class,
                () -> ours.doFinal(plain, 0, size, new byte[whole - 1], 0));
            byte[] made = new byte[whole];
            assertEquals(whole, ours.doFinal(plain, 0, size, made, 0));
            theirs.init(Cipher.DECRYPT_MODE, key.software(), ours.getParameters());
            assertArrayEquals(plain, theirs.doFinal(made));
        }
    }

    @Test
    void sizes_of_tags_that_gcm_does_not_have_are_refused(RunningService service)
            throws Exception {
        Shared key = shared("AES", 16, service);
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding", service.provider());
        for (int bits : new int[] {0, 64, 95, 100, 127, 136}) {
            assertThrows(InvalidAlgorithmParameterException.class, () -> cipher.init(
                Cipher.ENCRYPT_MODE, key.inside(), new GCMParameterSpec(bits, new byte[0])));
            assertThrows(InvalidAlgorithmParameterException.class, () -> cipher.init(
                Cipher.DECRYPT_MODE, key.inside(), new GCMParameterSpec(bits, new byte[12])));
        }
    }

    @Test
    void nothing_of_a_message_comes_out_before_its_tag_was_checked(RunningService service)
            throws Exception {
        Shared key = shared("AES", 16, service);
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding", service.provider());
        cipher.init(Cipher.ENCRYPT_MODE, key.inside());
        byte[] sealed = cipher.doFinal(new byte[400_000]);
        cipher.init(Cipher.DECRYPT_MODE, key.inside(), cipher.getParameters());
        sealed[300_000] ^= 1;
        byte[] out = new byte[400_000];
        Arrays.fill(out, (byte) 7);
        byte[] untouched = out.clone();
        assertEquals(0, cipher.update(sealed, 0, 350_000, out, 0));
        assertThrows(AEADBadTagException.class,
            () -> cipher.doFinal(sealed, 350_000, sealed.length - 350_000, out, 0));
        assertArrayEquals(untouched, out);
        // More than a request carries is not a wrong tag.
        ProviderException large = assertThrows(ProviderException.class,
            () -> cipher.doFinal(new byte[600_000]));
        assertSame(ErrorKind.LIMIT_EXCEEDED, ((KeywardException) large.getCause()).kind());
    }

    @Test
    void gcm_draws_a_new_vector_for_each_message_and_takes_none(RunningService service)
            throws Exception {
        Shared key = shared("AES", 32, service);
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding", service.provider());
        cipher.init(Cipher.ENCRYPT_MODE, key.inside());
        assertNull(cipher.getIV());
        byte[] first = cipher.doFinal(MESSAGE);
        byte[] iv = cipher.getIV();
        byte[] second = cipher.doFinal(MESSAGE);
        assertFalse(Arrays.equals(first, second));
        assertFalse(Arrays.equals(iv, cipher.getIV()));
        assertThrows(InvalidAlgorithmParameterException.class, () -> cipher.init(
            Cipher.ENCRYPT_MODE, key.inside(), new GCMParameterSpec(128, iv)));
        cipher.init(Cipher.ENCRYPT_MODE, key.inside(), new GCMParameterSpec(96, new byte[0]));
        assertEquals(MESSAGE.length + 12, cipher.doFinal(MESSAGE).length);
    }

    @Test
    void what_was_changed_on_the_way_is_refused(RunningService service) throws Exception {
        Shared key = shared("AES", 16, service);
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding", service.provider());
        cipher.init(Cipher.ENCRYPT_MODE, key.inside());
        byte[] sealed = cipher.doFinal(MESSAGE);
        cipher.init(Cipher.DECRYPT_MODE, key.inside(), cipher.getParameters());
        sealed[0] ^= 1;
        assertThrows(AEADBadTagException.class, () -> cipher.doFinal(sealed));
        sealed[0] ^= 1;
        cipher.updateAAD(ByteBuffer.wrap(MESSAGE));
        assertThrows(AEADBadTagException.class, () -> cipher.doFinal(sealed));
        assertArrayEquals(MESSAGE, cipher.doFinal(sealed));

        Cipher cbc = Cipher.getInstance("AES/CBC/PKCS5Padding", service.provider());
        cbc.init(Cipher.DECRYPT_MODE, key.inside(), new IvParameterSpec(new byte[16]));
        assertThrows(IllegalBlockSizeException.class, () -> cbc.doFinal(new byte[17]));
        assertThrows(BadPaddingException.class, () -> cbc.doFinal(new byte[0]));
        Cipher blocks = Cipher.getInstance("AES/CBC/NoPadding", service.provider());
        blocks.init(Cipher.ENCRYPT_MODE, key.inside());
        assertThrows(IllegalBlockSizeException.class, () -> blocks.doFinal(MESSAGE));
        assertThrows(ShortBufferException.class,
            () -> blocks.doFinal(new byte[32], 0, 32, new byte[31], 0));
    }

    @Test
    void ecb_is_refused_unless_the_service_allows_it(RunningService service) throws Exception {
        Shared key = shared("AES", 16, service);
        Cipher cipher = Cipher.getInstance("AES/ECB/NoPadding", service.provider());
        cipher.init(Cipher.ENCRYPT_MODE, key.inside());
        ProviderException refusal =
            assertThrows(ProviderException.class, () -> cipher.doFinal(new byte[16]));
        assertTrue(refusal.getMessage().contains("aes-gcm"), refusal.getMessage());
    }

    @ParameterizedTest
    @EnumSource
    void both_sides_make_the_same_code(AlgorithmTable.Mac mac, RunningService service)
            throws Exception {
        Mac ours = Mac.getInstance(mac.jca, service.provider());
        assertEquals(mac.size, ours.getMacLength());
        if (mac.kind == AlgorithmTable.SecretKind.AES) {
            // NIST SP 800-38B, D.1, example 2: nobody in the JDK has it.
            SecretKey key = imported("2b7e151628aed2a6abf7158809cf4f3c", service);
            ours.init(key);
            assertEquals("070a16b46b4d4144f79bdd9dd04a287c", hex(ours.doFinal(
                java.util.HexFormat.of().parseHex("6bc1bee22e409f96e93d7e117393172a"))));
            return;
        }
        Random random = new Random();
        for (int keyBytes : new int[] {14, 20, 32, 64, 200}) {
            Shared key = shared(mac.jca, keyBytes, service);
            byte[] message = new byte[random.nextInt(1000)];
            random.nextBytes(message);
            Mac theirs = Mac.getInstance(mac.jca, "SunJCE");
            theirs.init(key.software());
            byte[] expected = theirs.doFinal(message);
            ours.init(key.inside());
            assertArrayEquals(expected, ours.doFinal(message));
            ours.update(MESSAGE);
            ours.reset();
            for (byte b : message) {
                ours.update(b);
            }
            assertArrayEquals(expected, ours.doFinal());
        }
    }

    private static SecretKey imported(String aes, RunningService service) throws Exception {
        SecretKeySpec key = new SecretKeySpec(java.util.HexFormat.of().parseHex(aes), "AES");
        return SecretKeyFactory.getInstance("AES", service.provider()).generateSecret(
            new SecretKeyImportSpec(key, KeyAttributes.named("cmac-" + NUMBER.incrementAndGet())
                .withUses(KeyRight.SIGN)));
    }

    private static String hex(byte[] bytes) {
        return java.util.HexFormat.of().formatHex(bytes);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void the_place_in_the_list_of_providers_does_not_matter(boolean first, RunningService service)
            throws Exception {
        Shared aes = shared("AES", 32, service);
        Shared hmac = shared("HmacSHA256", 32, service);
        Security.insertProviderAt(service.provider(),
            first ? 1 : Security.getProviders().length + 1);
        try {
            for (boolean inside : new boolean[] {true, false}) {
                Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
                cipher.init(Cipher.ENCRYPT_MODE, inside ? aes.inside() : aes.software());
                assertEquals(inside ? "Keyward" : "SunJCE", cipher.getProvider().getName());
                Mac mac = Mac.getInstance("HmacSHA256");
                mac.init(inside ? hmac.inside() : hmac.software());
                assertEquals(inside ? "Keyward" : "SunJCE", mac.getProvider().getName());
            }
            // JSSE asks this first, and has keys of its own.
            Mac early = Mac.getInstance("HmacSHA256");
            assertEquals(32, early.getMacLength());
            early.init(hmac.software());
            early.update(MESSAGE);
            Mac theirs = Mac.getInstance("HmacSHA256", "SunJCE");
            theirs.init(hmac.software());
            assertArrayEquals(theirs.doFinal(MESSAGE), early.doFinal());
            SecretKey ephemeral = KeyGenerator.getInstance("AES").generateKey();
            assertFalse(ephemeral instanceof KeywardSecretKey);
        } finally {
            Security.removeProvider("Keyward");
        }
    }

    @Test
    void keys_are_made_in_the_service(RunningService service) throws Exception {
        KeyGenerator generator = KeyGenerator.getInstance("AES", service.provider());
        generator.init(KeyAttributes.named("made-aes").ofType("aes-192"));
        KeywardSecretKey key = (KeywardSecretKey) generator.generateKey();
        assertEquals("AES", key.getAlgorithm());
        assertEquals(192, key.keyBits());
        assertEquals("made-aes", key.keyName());
        assertNull(key.getEncoded());
        assertNull(key.getFormat());
        assertTrue(key.toString().contains("secret key"), key.toString());
        KeyGenerator hmac = KeyGenerator.getInstance("HmacSHA384", service.provider());
        KeywardSecretKey unnamed = (KeywardSecretKey) hmac.generateKey();
        assertEquals(384, unnamed.keyBits());
        unnamed.deleteFromService();
        assertThrows(IllegalStateException.class, unnamed::deleteFromService);
        assertThrows(InvalidAlgorithmParameterException.class,
            () -> generator.init(KeyAttributes.named("other").ofType("hmac-256")));
    }

    @Test
    void a_key_does_what_it_was_born_for_and_nothing_else(RunningService service)
            throws Exception {
        Shared key = shared("AES", 16, service, KeyRight.DECRYPT);
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding", service.provider());
        assertThrows(InvalidKeyException.class,
            () -> cipher.init(Cipher.ENCRYPT_MODE, key.inside()));
        Mac cmac = Mac.getInstance("AESCMAC", service.provider());
        assertThrows(InvalidKeyException.class, () -> cmac.init(key.inside()));
        Mac hmac = Mac.getInstance("HmacSHA256", service.provider());
        assertThrows(InvalidKeyException.class, () -> hmac.init(key.inside()));
        assertThrows(InvalidKeyException.class,
            () -> cipher.init(Cipher.ENCRYPT_MODE, key.software()));
        assertThrows(InvalidKeySpecException.class, () -> SecretKeyFactory
            .getInstance("AES", service.provider()).generateSecret(key.software()));
    }

    @Test
    void the_keystore_keeps_secret_keys(RunningService service) throws Exception {
        KeyStore keys = service.keyStore();
        KeyGenerator generator = KeyGenerator.getInstance("AES", service.provider());
        KeywardSecretKey made = (KeywardSecretKey) generator.generateKey();
        keys.setKeyEntry("stored-aes", made, null, null);
        assertTrue(keys.isKeyEntry("stored-aes"));
        assertTrue(keys.entryInstanceOf("stored-aes", KeyStore.SecretKeyEntry.class));
        assertFalse(keys.entryInstanceOf("stored-aes", KeyStore.PrivateKeyEntry.class));
        var entry = assertInstanceOf(KeyStore.SecretKeyEntry.class,
            keys.getEntry("stored-aes", null));
        assertEquals(made, entry.getSecretKey());
        assertNull(keys.getCertificateChain("stored-aes"));

        SecretKeySpec foreign = new SecretKeySpec(new byte[32], "HmacSHA256");
        KeyStoreException refusal = assertThrows(KeyStoreException.class,
            () -> keys.setKeyEntry("stored-hmac", foreign, null, null));
        assertTrue(refusal.getMessage().contains("import"), refusal.getMessage());
        keys.setEntry("stored-hmac", new KeyStore.SecretKeyEntry(foreign),
            KeyAttributes.named("stored-hmac"));
        assertSame(true, keys.getKey("stored-hmac", null) instanceof KeywardSecretKey);
        for (String alias : List.of("stored-aes", "stored-hmac")) {
            keys.deleteEntry(alias);
            assertFalse(keys.containsAlias(alias));
        }
    }
}
