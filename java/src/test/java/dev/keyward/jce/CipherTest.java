package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.AlgorithmParameters;
import java.security.InvalidKeyException;
import java.security.Provider;
import java.security.Security;
import java.security.cert.X509Certificate;
import java.security.spec.MGF1ParameterSpec;
import java.util.Arrays;
import java.util.List;
import javax.crypto.BadPaddingException;
import javax.crypto.Cipher;
import javax.crypto.IllegalBlockSizeException;
import javax.crypto.KeyGenerator;
import javax.crypto.SecretKey;
import javax.crypto.ShortBufferException;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.cms.CMSAlgorithm;
import org.bouncycastle.cms.CMSEnvelopedData;
import org.bouncycastle.cms.CMSEnvelopedDataGenerator;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.RecipientInformation;
import org.bouncycastle.cms.jcajce.JceCMSContentEncryptorBuilder;
import org.bouncycastle.cms.jcajce.JceKeyTransEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyTransRecipientInfoGenerator;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.jcajce.JcaAlgorithmParametersConverter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Decryption; the JDK's own provider encrypts. */
@ExtendWith(RunningService.Extension.class)
class CipherTest {
    private static final byte[] MESSAGE = "a secret".getBytes(StandardCharsets.UTF_8);

    @ParameterizedTest
    @ValueSource(strings = {"RSA", "RSA/ECB/PKCS1Padding", "RSA/ECB/OAEPPadding",
        "RSA/ECB/OAEPWithSHA-1AndMGF1Padding", "RSA/ECB/OAEPWithSHA-256AndMGF1Padding",
        "RSA/ECB/OAEPWithSHA-384AndMGF1Padding", "RSA/ECB/OAEPWithSHA-512AndMGF1Padding"})
    void what_the_jdk_encrypts_is_decrypted(String transformation, RunningService service)
            throws Exception {
        KeywardPrivateKey key = service.privateKey(service.key("rsa-2048"));
        Cipher encrypt = Cipher.getInstance(transformation, "SunJCE");
        encrypt.init(Cipher.ENCRYPT_MODE, key.publicKey());
        Cipher decrypt = Cipher.getInstance(transformation, service.provider());
        decrypt.init(Cipher.DECRYPT_MODE, key);
        for (int round = 0; round < 2; round++) {
            assertArrayEquals(MESSAGE, decrypt.doFinal(encrypt.doFinal(MESSAGE)));
        }
        byte[] ciphertext = encrypt.doFinal(MESSAGE);
        decrypt.update(ciphertext, 0, 100);
        byte[] out = new byte[decrypt.getOutputSize(156)];
        int length = decrypt.doFinal(ciphertext, 100, 156, out, 0);
        assertArrayEquals(MESSAGE, Arrays.copyOf(out, length));
    }

    @Test
    void oaep_takes_parameters(RunningService service) throws Exception {
        KeywardPrivateKey key = service.privateKey(service.key("rsa-2048"));
        OAEPParameterSpec parameters = new OAEPParameterSpec("SHA-384", "MGF1",
            MGF1ParameterSpec.SHA256, new PSource.PSpecified(new byte[] {1, 2, 3}));
        Cipher encrypt = Cipher.getInstance("RSA/ECB/OAEPPadding", "SunJCE");
        encrypt.init(Cipher.ENCRYPT_MODE, key.publicKey(), parameters);
        byte[] ciphertext = encrypt.doFinal(MESSAGE);
        Cipher decrypt = Cipher.getInstance("RSA/ECB/OAEPPadding", service.provider());
        decrypt.init(Cipher.DECRYPT_MODE, key, parameters);
        assertArrayEquals(MESSAGE, decrypt.doFinal(ciphertext));
        AlgorithmParameters encoded = decrypt.getParameters();
        decrypt.init(Cipher.DECRYPT_MODE, key, encoded);
        assertArrayEquals(MESSAGE, decrypt.doFinal(ciphertext));
        decrypt.init(Cipher.DECRYPT_MODE, key);
        assertThrows(BadPaddingException.class, () -> decrypt.doFinal(ciphertext));
    }

    @ParameterizedTest
    @ValueSource(strings = {"SHA-1", "SHA-256", "SHA-384", "SHA-512"})
    void oaep_parameters_of_other_providers_are_taken_and_given(String digest,
            RunningService service) throws Exception {
        KeywardPrivateKey key = service.privateKey(service.key("rsa-2048"));
        OAEPParameterSpec spec = new OAEPParameterSpec(digest, "MGF1", new MGF1ParameterSpec(digest),
            new PSource.PSpecified(new byte[] {4, 5}));
        Cipher decrypt = Cipher.getInstance("RSA/ECB/OAEPPadding", service.provider());
        for (Provider other : List.of(Security.getProvider("SunJCE"),
                new BouncyCastleProvider())) {
            Cipher encrypt = Cipher.getInstance("RSA/ECB/OAEPPadding", other);
            encrypt.init(Cipher.ENCRYPT_MODE, key.publicKey(), spec);
            byte[] ciphertext = encrypt.doFinal(MESSAGE);
            // Theirs, as they are and read again from their encoding.
            decrypt.init(Cipher.DECRYPT_MODE, key, encrypt.getParameters());
            assertArrayEquals(MESSAGE, decrypt.doFinal(ciphertext));
            AlgorithmParameters read =
                AlgorithmParameters.getInstance("OAEP", service.provider());
            read.init(encrypt.getParameters().getEncoded());
            decrypt.init(Cipher.DECRYPT_MODE, key, read);
            assertArrayEquals(MESSAGE, decrypt.doFinal(ciphertext));
            // Ours in theirs.
            AlgorithmParameters given = AlgorithmParameters.getInstance("OAEP", other);
            given.init(decrypt.getParameters().getEncoded());
            encrypt.init(Cipher.ENCRYPT_MODE, key.publicKey(), given);
            assertArrayEquals(MESSAGE, decrypt.doFinal(encrypt.doFinal(MESSAGE)));
        }
    }

    /** Such libraries ask the provider that they are given for the parameters too. */
    @Test
    void bouncy_castle_reads_an_envelope_with_oaep_by_the_provider_alone(RunningService service)
            throws Exception {
        String alias = service.key("envelope", "rsa-2048");
        X509Certificate certificate = (X509Certificate) service.keyStore().getCertificate(alias);
        AlgorithmIdentifier oaep = new JcaAlgorithmParametersConverter().getAlgorithmIdentifier(
            PKCSObjectIdentifiers.id_RSAES_OAEP, new OAEPParameterSpec("SHA-256", "MGF1",
                MGF1ParameterSpec.SHA256, PSource.PSpecified.DEFAULT));
        CMSEnvelopedDataGenerator generator = new CMSEnvelopedDataGenerator();
        generator.addRecipientInfoGenerator(
            new JceKeyTransRecipientInfoGenerator(certificate, oaep));
        byte[] envelope = generator.generate(new CMSProcessableByteArray(MESSAGE),
            new JceCMSContentEncryptorBuilder(CMSAlgorithm.AES256_CBC).build()).getEncoded();
        RecipientInformation recipient =
            new CMSEnvelopedData(envelope).getRecipientInfos().iterator().next();
        assertArrayEquals(MESSAGE, recipient.getContent(
            new JceKeyTransEnvelopedRecipient(service.privateKey(alias))
                .setProvider(service.provider()).setContentProvider("SunJCE")));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void a_key_is_unwrapped_wherever_the_provider_stands(boolean first, RunningService service)
            throws Exception {
        KeywardPrivateKey key = service.privateKey(service.key("rsa-2048"));
        SecretKey secret = KeyGenerator.getInstance("AES").generateKey();
        Security.insertProviderAt(service.provider(),
            first ? 1 : Security.getProviders().length + 1);
        try {
            Cipher cipher = Cipher.getInstance("RSA/ECB/OAEPWithSHA-256AndMGF1Padding");
            cipher.init(Cipher.WRAP_MODE, key.publicKey());
            assertEquals("SunJCE", cipher.getProvider().getName());
            byte[] wrapped = cipher.wrap(secret);
            Cipher unwrap = Cipher.getInstance("RSA/ECB/OAEPWithSHA-256AndMGF1Padding");
            unwrap.init(Cipher.UNWRAP_MODE, key);
            assertEquals("Keyward", unwrap.getProvider().getName());
            assertEquals(secret, unwrap.unwrap(wrapped, "AES", Cipher.SECRET_KEY));
        } finally {
            Security.removeProvider("Keyward");
        }
    }

    @Test
    void where_the_room_is_too_small_the_same_call_with_more_succeeds(RunningService service)
            throws Exception {
        KeywardPrivateKey key = service.privateKey(service.key("rsa-2048"));
        Cipher encrypt = Cipher.getInstance("RSA/ECB/OAEPPadding", "SunJCE");
        encrypt.init(Cipher.ENCRYPT_MODE, key.publicKey());
        byte[] ciphertext = encrypt.doFinal(MESSAGE);
        Cipher decrypt = Cipher.getInstance("RSA/ECB/OAEPPadding", service.provider());
        decrypt.init(Cipher.DECRYPT_MODE, key);
        decrypt.update(ciphertext, 0, 56);
        assertThrows(ShortBufferException.class, () -> decrypt.doFinal(ciphertext, 56, 200,
            new byte[MESSAGE.length - 1], 0));
        byte[] out = new byte[MESSAGE.length];
        assertEquals(MESSAGE.length, decrypt.doFinal(ciphertext, 56, 200, out, 0));
        assertArrayEquals(MESSAGE, out);
        ByteBuffer direct = ByteBuffer.allocateDirect(256).put(ciphertext).flip();
        ByteBuffer room = ByteBuffer.allocateDirect(decrypt.getOutputSize(256));
        assertEquals(MESSAGE.length, decrypt.doFinal(direct.asReadOnlyBuffer(), room));
        assertEquals(ByteBuffer.wrap(MESSAGE), room.flip());
    }

    @Test
    void bad_pkcs1_padding_is_no_oracle(RunningService service) throws Exception {
        KeywardPrivateKey key = service.privateKey(service.key("rsa-2048"));
        Cipher encrypt = Cipher.getInstance("RSA/ECB/NoPadding", "SunJCE");
        encrypt.init(Cipher.ENCRYPT_MODE, key.publicKey());
        byte[] ciphertext = encrypt.doFinal(new byte[] {9});
        Cipher decrypt = Cipher.getInstance("RSA/ECB/PKCS1Padding", service.provider());
        decrypt.init(Cipher.DECRYPT_MODE, key);
        byte[] first = decrypt.doFinal(ciphertext);
        assertArrayEquals(first, decrypt.doFinal(ciphertext));
    }

    @Test
    void a_raw_key_is_used_without_padding_and_for_nothing_else(RunningService service)
            throws Exception {
        service.keyward("key", "generate", "raw", "--type", "rsa-2048", "--usage", "raw")
            .succeeded();
        KeywardPrivateKey key = service.privateKey("raw");
        byte[] block = new byte[256];
        block[100] = 42;
        Cipher encrypt = Cipher.getInstance("RSA/ECB/NoPadding", "SunJCE");
        encrypt.init(Cipher.ENCRYPT_MODE, key.publicKey());
        Cipher decrypt = Cipher.getInstance("RSA/ECB/NoPadding", service.provider());
        decrypt.init(Cipher.DECRYPT_MODE, key);
        assertArrayEquals(block, decrypt.doFinal(encrypt.doFinal(block)));
        Cipher padded = Cipher.getInstance("RSA/ECB/PKCS1Padding", service.provider());
        assertThrows(InvalidKeyException.class, () -> padded.init(Cipher.DECRYPT_MODE, key));
    }

    @Test
    void what_it_cannot_do_is_refused(RunningService service) throws Exception {
        KeywardPrivateKey key = service.privateKey(service.key("rsa-2048"));
        Cipher cipher = Cipher.getInstance("RSA/ECB/PKCS1Padding", service.provider());
        InvalidKeyException refusal = assertThrows(InvalidKeyException.class,
            () -> cipher.init(Cipher.ENCRYPT_MODE, key));
        assertTrue(refusal.getMessage().contains("Signature"), refusal.getMessage());
        KeywardPrivateKey ec = service.privateKey(service.key("p-256"));
        assertThrows(InvalidKeyException.class, () -> cipher.init(Cipher.DECRYPT_MODE, ec));
        cipher.init(Cipher.DECRYPT_MODE, key);
        assertThrows(IllegalBlockSizeException.class, () -> cipher.doFinal(new byte[257]));
    }
}
