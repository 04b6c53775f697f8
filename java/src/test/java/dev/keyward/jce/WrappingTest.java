package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.MGF1ParameterSpec;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Keys that leave and enter encrypted; SunJCE is on the other side with the same keys. */
@ExtendWith(RunningService.Extension.class)
class WrappingTest {
    private static final byte[] MESSAGE = "a message".getBytes(StandardCharsets.UTF_8);
    private static final AtomicInteger NUMBER = new AtomicInteger();

    private final KeywardProvider provider;

    WrappingTest(RunningService service) {
        provider = service.provider();
    }

    private static KeyAttributes named() {
        return KeyAttributes.named("wrapping-" + NUMBER.incrementAndGet());
    }

    private SecretKey inside(SecretKey software, KeyAttributes attributes) throws Exception {
        return SecretKeyFactory.getInstance(software.getAlgorithm(), provider)
            .generateSecret(new SecretKeyImportSpec(software, attributes));
    }

    private static SecretKeySpec software(String algorithm, int bytes) {
        byte[] secret = new byte[bytes];
        new java.security.SecureRandom().nextBytes(secret);
        return new SecretKeySpec(secret, algorithm);
    }

    private static byte[] mac(Mac mac, Key key) throws InvalidKeyException {
        mac.init(key);
        return mac.doFinal(MESSAGE);
    }

    /** Whether both are one key: as HMAC keys they make the same code. */
    private void assertSame(SecretKey software, Key inside) throws Exception {
        assertInstanceOf(KeywardSecretKey.class, inside);
        assertArrayEquals(mac(Mac.getInstance("HmacSHA256", "SunJCE"), software),
            mac(Mac.getInstance("HmacSHA256", provider), inside));
    }

    private static Cipher wrapping(Cipher cipher, Key with) throws Exception {
        cipher.init(Cipher.WRAP_MODE, with);
        return cipher;
    }

    @ParameterizedTest
    @CsvSource({"AES/KW/NoPadding, AES/KW/NoPadding, 32",
        "AESWrap/ECB/NoPadding, AES/KW/NoPadding, 64",
        "AES/KWP/NoPadding, AES/KWP/NoPadding, 21",
        "AESWrap/ECB/ZeroPadding, AES/KWP/NoPadding, 32",
        "AES/KW/PKCS5Padding, AES/KW/PKCS5Padding, 32",
        "AESWrap/ECB/PKCS5Padding, AES/KW/PKCS5Padding, 21",
        "AES/GCM/NoPadding, AES/GCM/NoPadding, 33"})
    void what_each_side_wraps_the_other_unwraps(String ours, String theirs, int bytes)
            throws Exception {
        for (int kekBytes : new int[] {16, 24, 32}) {
            SecretKeySpec kek = software("AES", kekBytes);
            SecretKey kekInside = inside(kek, named().asExportable()
                .withUses(KeyRight.WRAP, KeyRight.UNWRAP));
            SecretKeySpec leaving = software("HmacSHA256", bytes);
            SecretKey leavingInside = inside(leaving, named().asExportable());

            Cipher wrap = wrapping(Cipher.getInstance(ours, provider), kekInside);
            byte[] wrapped = wrap.wrap(leavingInside);
            Cipher sun = Cipher.getInstance(theirs, "SunJCE");
            sun.init(Cipher.UNWRAP_MODE, kek, wrap.getIV() == null ? null
                : new GCMParameterSpec(128, wrap.getIV()));
            assertArrayEquals(leaving.getEncoded(),
                sun.unwrap(wrapped, "HmacSHA256", Cipher.SECRET_KEY).getEncoded());

            byte[] foreign = wrapping(sun, kek).wrap(leaving);
            AlgorithmParameterSpec vector =
                ours.contains("GCM") ? new GCMParameterSpec(128, sun.getIV()) : null;
            Cipher unwrap = Cipher.getInstance(ours, provider);
            KeyAttributes attributes = named().asExportable();
            unwrap.init(Cipher.UNWRAP_MODE, kekInside, vector == null ? attributes
                : new UnwrapSpec(attributes, vector));
            Key entered = unwrap.unwrap(foreign, "HmacSHA256", Cipher.SECRET_KEY);
            assertSame(leaving, entered);
            assertEquals(attributes.name(), ((KeywardSecretKey) entered).keyName());
            assertEquals(8 * bytes, ((KeywardSecretKey) entered).keyBits());
            assertArrayEquals(leaving.getEncoded(), unwrapped(kek, theirs,
                wrap.wrap(entered), wrap.getIV()));
        }
    }

    private static byte[] unwrapped(SecretKey kek, String transformation, byte[] wrapped,
            byte[] iv) throws Exception {
        Cipher cipher = Cipher.getInstance(transformation, "SunJCE");
        cipher.init(Cipher.UNWRAP_MODE, kek, iv == null ? null : new GCMParameterSpec(128, iv));
        return cipher.unwrap(wrapped, "HmacSHA256", Cipher.SECRET_KEY).getEncoded();
    }

    private record Pair(KeyPair software, KeywardPrivateKey inside) {}

    private Pair rsa(KeyRight use) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(2048);
        KeyPair pair = generator.generateKeyPair();
        return new Pair(pair, (KeywardPrivateKey) KeyFactory.getInstance("RSA", provider)
            .generatePrivate(new KeyImportSpec(pair.getPrivate(), named().withUses(use))));
    }

    @ParameterizedTest
    @CsvSource({"SHA-1, SHA-1", "SHA-256, SHA-1", "SHA-256, SHA-256", "SHA-384, SHA-512",
        "SHA-512/256, SHA-224"})
    void rsa_wraps_to_anybody_and_unwraps_into_the_service(String digest, String mgf1)
            throws Exception {
        OAEPParameterSpec oaep = new OAEPParameterSpec(digest, "MGF1",
            new MGF1ParameterSpec(mgf1), new PSource.PSpecified(new byte[] {1, 2, 3}));
        Pair transport = rsa(KeyRight.UNWRAP);
        SecretKeySpec leaving = software("HmacSHA256", 40);
        SecretKey leavingInside = inside(leaving, named().asExportable());

        Cipher ours = Cipher.getInstance("RSA/ECB/OAEPPadding", provider);
        ours.init(Cipher.WRAP_MODE, transport.software().getPublic(), oaep);
        Cipher sun = Cipher.getInstance("RSA/ECB/OAEPPadding", "SunJCE");
        sun.init(Cipher.DECRYPT_MODE, transport.software().getPrivate(), oaep);
        assertArrayEquals(leaving.getEncoded(), sun.doFinal(ours.wrap(leavingInside)));
        // Keys of this process go the way that they go without Keyward.
        assertArrayEquals(leaving.getEncoded(), sun.doFinal(ours.wrap(leaving)));

        sun.init(Cipher.WRAP_MODE, transport.software().getPublic(), oaep);
        byte[] wrapped = sun.wrap(leaving);
        ours.init(Cipher.UNWRAP_MODE, transport.inside(), oaep);
        assertSame(leaving, ours.unwrap(wrapped, "HmacSHA256", Cipher.SECRET_KEY));
        KeyAttributes attributes = named();
        ours.init(Cipher.UNWRAP_MODE, transport.inside(), new UnwrapSpec(attributes, oaep));
        Key entered = ours.unwrap(wrapped, "HmacSHA256", Cipher.SECRET_KEY);
        assertEquals(attributes.name(), ((KeywardSecretKey) entered).keyName());
    }

    @ParameterizedTest
    @ValueSource(strings = {"OAEPPadding", "OAEPWithSHA-256AndMGF1Padding",
        "OAEPWithSHA-512ANDMGF1Padding"})
    void pairs_of_keys_travel_by_rsa_with_aes(String padding) throws Exception {
        Pair transport = rsa(KeyRight.UNWRAP);
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(256);
        KeyPair leaving = generator.generateKeyPair();
        PrivateKey leavingInside = KeyFactory.getInstance("EC", provider)
            .generatePrivate(new KeyImportSpec(leaving.getPrivate(), named().asExportable()));

        Cipher ours = Cipher.getInstance("RSAAESWrap/ECB/" + padding, provider);
        byte[] wrapped = wrapping(ours, transport.software().getPublic()).wrap(leavingInside);
        // PKCS#11's CKM_RSA_AES_KEY_WRAP, by hand.
        Cipher rsa = Cipher.getInstance("RSA/ECB/" + padding, "SunJCE");
        rsa.init(Cipher.UNWRAP_MODE, transport.software().getPrivate());
        Key aes = rsa.unwrap(Arrays.copyOf(wrapped, 256), "AES", Cipher.SECRET_KEY);
        Cipher kwp = Cipher.getInstance("AES/KWP/NoPadding", "SunJCE");
        kwp.init(Cipher.UNWRAP_MODE, aes);
        PrivateKey left = (PrivateKey) kwp.unwrap(
            Arrays.copyOfRange(wrapped, 256, wrapped.length), "EC", Cipher.PRIVATE_KEY);
        assertTrue(isOf(left, null, leaving));

        rsa.init(Cipher.WRAP_MODE, transport.software().getPublic());
        byte[] first = rsa.wrap(aes);
        byte[] second = wrapping(kwp, aes).wrap(leaving.getPrivate());
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        ours.init(Cipher.UNWRAP_MODE, transport.inside(), named());
        assertTrue(isOf((PrivateKey) ours.unwrap(both, "EC", Cipher.PRIVATE_KEY), provider,
            leaving));
        ours.init(Cipher.UNWRAP_MODE, transport.inside(), named());
        InvalidKeyException other = assertThrows(InvalidKeyException.class,
            () -> ours.unwrap(both, "RSA", Cipher.PRIVATE_KEY));
        assertTrue(other.getMessage().contains("p-256"), other.getMessage());
    }

    /** Of ML-DSA this Java may have one name for all parameter sets, or none. */
    @Test
    void a_key_comes_back_by_the_name_that_it_gives_of_its_algorithm() throws Exception {
        Pair transport = rsa(KeyRight.UNWRAP);
        for (String type : new String[] {"ml-dsa-44", "ed25519", "p-256"}) {
            KeyPairGenerator generator = KeyPairGenerator.getInstance(
                type.equals("p-256") ? "EC" : type, provider);
            generator.initialize(named().ofType(type).asExportable());
            PrivateKey leaving = generator.generateKeyPair().getPrivate();
            Cipher cipher = Cipher.getInstance("RSAAESWrap/ECB/OAEPPadding", provider);
            byte[] wrapped = wrapping(cipher, transport.software().getPublic()).wrap(leaving);
            cipher.init(Cipher.UNWRAP_MODE, transport.inside(), named());
            Key back = cipher.unwrap(wrapped, leaving.getAlgorithm(), Cipher.PRIVATE_KEY);
            assertEquals(type, ((KeywardKey) back).attributes().type());
            assertEquals(leaving.getAlgorithm(), back.getAlgorithm());
        }
    }

    private static boolean isOf(PrivateKey key, KeywardProvider provider, KeyPair pair)
            throws GeneralSecurityException {
        Signature signer = provider == null ? Signature.getInstance("SHA256withECDSA")
            : Signature.getInstance("SHA256withECDSA", provider);
        signer.initSign(key);
        signer.update(MESSAGE);
        byte[] signature = signer.sign();
        Signature verifier = Signature.getInstance("SHA256withECDSA");
        verifier.initVerify(pair.getPublic());
        verifier.update(MESSAGE);
        return verifier.verify(signature);
    }

    @Test
    void a_key_that_decrypts_still_unwraps_into_this_process() throws Exception {
        Pair pair = rsa(KeyRight.DECRYPT);
        SecretKeySpec leaving = software("AES", 32);
        Cipher cipher = Cipher.getInstance("RSA/ECB/OAEPPadding", provider);
        byte[] wrapped = wrapping(cipher, pair.software().getPublic()).wrap(leaving);
        cipher.init(Cipher.UNWRAP_MODE, pair.inside());
        assertEquals(leaving, cipher.unwrap(wrapped, "AES", Cipher.SECRET_KEY));
        assertThrows(InvalidKeyException.class,
            () -> cipher.init(Cipher.UNWRAP_MODE, pair.inside(), named()));
    }

    @Test
    void what_must_not_leave_and_what_does_not_fit_is_refused() throws Exception {
        SecretKey kek = inside(software("AES", 32), named().withUses(KeyRight.WRAP,
            KeyRight.UNWRAP));
        Cipher cipher = wrapping(Cipher.getInstance("AES/KWP/NoPadding", provider), kek);
        SecretKey stays = inside(software("AES", 32), named());
        InvalidKeyException refusal =
            assertThrows(InvalidKeyException.class, () -> cipher.wrap(stays));
        assertTrue(refusal.getMessage().contains("not exportable"), refusal.getMessage());
        assertThrows(InvalidKeyException.class, () -> cipher.wrap(software("AES", 16)));
        Cipher kw = wrapping(Cipher.getInstance("AES/KW/NoPadding", provider), kek);
        SecretKey odd = inside(software("HmacSHA256", 21), named().asExportable());
        assertThrows(InvalidKeyException.class, () -> kw.wrap(odd));
        byte[] wrapped = cipher.wrap(inside(software("AES", 32), named().asExportable()));

        cipher.init(Cipher.UNWRAP_MODE, kek);
        assertThrows(NoSuchAlgorithmException.class,
            () -> cipher.unwrap(wrapped, "DESede", Cipher.SECRET_KEY));
        cipher.init(Cipher.UNWRAP_MODE, kek, named().ofType("aes-128"));
        assertThrows(InvalidKeyException.class,
            () -> cipher.unwrap(wrapped, "AES", Cipher.SECRET_KEY));
        wrapped[5] ^= 1;
        cipher.init(Cipher.UNWRAP_MODE, kek, named());
        assertThrows(InvalidKeyException.class,
            () -> cipher.unwrap(wrapped, "AES", Cipher.SECRET_KEY));
        assertThrows(InvalidKeyException.class, () -> cipher.init(Cipher.ENCRYPT_MODE, kek));
        assertThrows(InvalidKeyException.class, () -> cipher.init(Cipher.WRAP_MODE, stays));
        assertThrows(InvalidAlgorithmParameterException.class,
            () -> cipher.init(Cipher.WRAP_MODE, kek, named()));
        Cipher cbc = Cipher.getInstance("AES/CBC/PKCS5Padding", provider);
        assertThrows(InvalidKeyException.class, () -> cbc.init(Cipher.WRAP_MODE, kek));
    }
}
