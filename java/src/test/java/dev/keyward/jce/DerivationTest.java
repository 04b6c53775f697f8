package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.InvalidKeySpecException;
import java.util.concurrent.atomic.AtomicInteger;
import javax.crypto.KeyAgreement;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.crypto.DerivationFunction;
import org.bouncycastle.crypto.DerivationParameters;
import org.bouncycastle.crypto.digests.SHA256Digest;
import org.bouncycastle.crypto.digests.SHA384Digest;
import org.bouncycastle.crypto.generators.HKDFBytesGenerator;
import org.bouncycastle.crypto.generators.KDF2BytesGenerator;
import org.bouncycastle.crypto.generators.KDFCounterBytesGenerator;
import org.bouncycastle.crypto.macs.HMac;
import org.bouncycastle.crypto.params.HKDFParameters;
import org.bouncycastle.crypto.params.KDFCounterParameters;
import org.bouncycastle.crypto.params.KDFParameters;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Keys made from keys inside the service; BouncyCastle makes the same from the same in software. */
@ExtendWith(RunningService.Extension.class)
class DerivationTest {
    private static final byte[] SALT = "salt".getBytes(StandardCharsets.UTF_8);
    private static final byte[] INFO = "what it is for".getBytes(StandardCharsets.UTF_8);
    private static final byte[] NONE = {};
    private static final AtomicInteger NUMBER = new AtomicInteger();

    private final RunningService service;
    private final KeywardProvider provider;

    DerivationTest(RunningService service) {
        this.service = service;
        provider = service.provider();
    }

    private static KeyAttributes named() {
        return KeyAttributes.named("derived-" + NUMBER.incrementAndGet());
    }

    private SecretKey root(SecretKeySpec software) throws Exception {
        return SecretKeyFactory.getInstance("Hmac", provider).generateSecret(
            new SecretKeyImportSpec(software, named().withUses(KeyRight.DERIVE)));
    }

    private static byte[] expected(DerivationFunction function, DerivationParameters parameters,
            int bytes) {
        byte[] output = new byte[bytes];
        function.init(parameters);
        function.generateBytes(output, 0, bytes);
        return output;
    }

    private void assertSame(byte[] expected, Key inside) throws Exception {
        Mac theirs = Mac.getInstance("HmacSHA256", "SunJCE");
        theirs.init(new SecretKeySpec(expected, "HmacSHA256"));
        Mac ours = Mac.getInstance("HmacSHA256", provider);
        ours.init(inside);
        assertArrayEquals(theirs.doFinal(INFO), ours.doFinal(INFO));
    }

    @Test
    void secret_keys_are_made_from_secret_keys() throws Exception {
        byte[] secret = new byte[40];
        new SecureRandom().nextBytes(secret);
        SecretKey root = root(new SecretKeySpec(secret, "Hmac"));
        SecretKeyFactory factory = SecretKeyFactory.getInstance("Hmac", provider);
        KeyAttributes attributes = named().ofType("hmac-400");
        SecretKey hkdf = factory.generateSecret(
            DerivationSpec.hkdf("SHA-256", SALT, INFO).from(root).to(attributes));
        assertSame(expected(new HKDFBytesGenerator(new SHA256Digest()),
            new HKDFParameters(secret, SALT, INFO), 50), hkdf);
        assertEquals(attributes.name(), ((KeywardSecretKey) hkdf).keyName());
        SecretKey kbkdf = factory.generateSecret(
            DerivationSpec.counterMode("SHA-384", INFO).from(root).to(named()));
        assertSame(expected(new KDFCounterBytesGenerator(new HMac(new SHA384Digest())),
            new KDFCounterParameters(secret, INFO, 32), 32), kbkdf);
    }

    private KeyPair peer() throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp256r1"));
        return generator.generateKeyPair();
    }

    private KeywardPrivateKey agreeing() throws Exception {
        return service.privateKey(service.key("agrees-p-256", "p-256", "--usage", "derive"));
    }

    private static byte[] secret(KeywardPrivateKey key, KeyPair peer) throws Exception {
        KeyAgreement agreement = KeyAgreement.getInstance("ECDH", "SunEC");
        agreement.init(peer.getPrivate());
        agreement.doPhase(key.publicKey(), true);
        return agreement.generateSecret();
    }

    @Test
    void secret_keys_are_made_from_key_agreements() throws Exception {
        KeyPair peer = peer();
        KeywardPrivateKey key = agreeing();
        byte[] secret = secret(key, peer);
        SecretKeyFactory factory = SecretKeyFactory.getInstance("Hmac", provider);
        assertSame(expected(new HKDFBytesGenerator(new SHA256Digest()),
            new HKDFParameters(secret, NONE, INFO), 32), factory.generateSecret(DerivationSpec
                .hkdf("SHA-256", NONE, INFO).from(key, peer.getPublic()).to(named())));
        assertSame(expected(new KDF2BytesGenerator(new SHA384Digest()),
            new KDFParameters(secret, INFO), 32), factory.generateSecret(DerivationSpec
                .x963("SHA-384", INFO).from(key, peer.getPublic()).to(named())));
    }

    @Test
    void a_key_agreement_with_a_kdf_in_its_name_ends_in_a_key_of_the_service() throws Exception {
        KeyPair peer = peer();
        KeywardPrivateKey key = agreeing();
        byte[] secret = secret(key, peer);
        KeyAgreement agreement = KeyAgreement.getInstance("ECDHwithX963SHA256KDF", provider);
        KeyAttributes attributes = named().ofType("hmac-512");
        agreement.init(key, DerivationSpec.x963("SHA-256", INFO).to(attributes));
        agreement.doPhase(peer.getPublic(), true);
        assertThrows(IllegalStateException.class, agreement::generateSecret);
        SecretKey derived = agreement.generateSecret("HmacSHA256");
        assertSame(expected(new KDF2BytesGenerator(new SHA256Digest()),
            new KDFParameters(secret, INFO), 64), derived);
        assertEquals(attributes.name(), ((KeywardSecretKey) derived).keyName());

        // BouncyCastle's name; without SharedInfo, and for a key that nobody named.
        KeyAgreement other = KeyAgreement.getInstance("ECDHwithSHA256KDF", provider);
        other.init(key);
        other.doPhase(peer.getPublic(), true);
        KeywardSecretKey unnamed = (KeywardSecretKey) other.generateSecret("HmacSHA256");
        assertSame(expected(new KDF2BytesGenerator(new SHA256Digest()),
            new KDFParameters(secret, NONE), 32), unnamed);
        unnamed.deleteFromService();
        assertThrows(InvalidAlgorithmParameterException.class,
            () -> other.init(key, DerivationSpec.x963("SHA-384", INFO)));
        other.doPhase(peer.getPublic(), true);
        assertThrows(NoSuchAlgorithmException.class, () -> other.generateSecret("DESede"));
    }

    @Test
    void what_cannot_be_derived_is_refused() throws Exception {
        SecretKeyFactory factory = SecretKeyFactory.getInstance("AES", provider);
        SecretKeySpec software = new SecretKeySpec(new byte[32], "Hmac");
        DerivationSpec hkdf = DerivationSpec.hkdf("SHA-256", SALT, INFO);
        assertThrows(InvalidKeySpecException.class, () -> factory.generateSecret(hkdf));
        assertThrows(InvalidKeySpecException.class,
            () -> factory.generateSecret(hkdf.from(software)));
        SecretKey root = root(software);
        InvalidKeySpecException wrongKind = assertThrows(InvalidKeySpecException.class,
            () -> factory.generateSecret(hkdf.from(root).to(named().ofType("hmac-256"))));
        assertEquals(InvalidKeyException.class, wrongKind.getCause().getClass());
        assertThrows(InvalidKeySpecException.class, () -> factory.generateSecret(
            DerivationSpec.x963("SHA-256", INFO).from(root).to(named())));
        assertThrows(IllegalArgumentException.class,
            () -> DerivationSpec.hkdf("MD5", SALT, INFO));
        SecretKey signs = SecretKeyFactory.getInstance("Hmac", provider)
            .generateSecret(new SecretKeyImportSpec(software, named()));
        assertThrows(InvalidKeySpecException.class,
            () -> factory.generateSecret(hkdf.from(signs)));
    }
}
