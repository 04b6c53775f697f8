import dev.keyward.jce.DerivationSpec;
import dev.keyward.jce.KeyAttributes;
import dev.keyward.jce.KeyRight;
import dev.keyward.jce.KeywardProvider;
import dev.keyward.jce.KeywardSecretKey;
import dev.keyward.jce.SecretKeyImportSpec;
import java.io.ByteArrayOutputStream;
import java.security.InvalidAlgorithmParameterException;
import java.security.Provider;
import java.security.Security;
import java.util.Arrays;
import java.util.HexFormat;
import javax.crypto.KDF;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.HKDFParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** Derives a key in the service, and the same by SunJCE where that has the function: ALGORITHM. */
public class DeriveByKdf {
    private static final byte[] SALT = {1, 2, 3};
    private static final byte[] INFO = {4, 5};

    public static void main(String[] arguments) throws Exception {
        String algorithm = arguments[0];
        KeywardProvider keyward = new KeywardProvider();
        byte[] bytes = new byte[40];
        new java.security.SecureRandom().nextBytes(bytes);
        SecretKeySpec software = new SecretKeySpec(bytes, "Hmac");
        SecretKeyFactory factory = SecretKeyFactory.getInstance("Hmac", keyward);
        String name = "kdf-" + HexFormat.of().formatHex(bytes, 0, 8);
        SecretKey inside = factory.generateSecret(new SecretKeyImportSpec(software,
            KeyAttributes.named(name).withUses(KeyRight.DERIVE)));

        KDF kdf = KDF.getInstance(algorithm, keyward);
        KeywardSecretKey derived = (KeywardSecretKey) kdf.deriveKey("HmacSHA256", spec(inside));
        if (derived.keyBits() != 336) {
            throw new AssertionError(derived);
        }
        String digest = algorithm.substring("HKDF-".length());
        KeyAttributes attributes = KeyAttributes.named(name + "-child").ofType("hmac-336");
        SecretKey named = kdf.deriveKey("HmacSHA256",
            DerivationSpec.hkdf(digest, SALT, INFO).from(inside).to(attributes));
        if (!Arrays.equals(mac(derived, keyward), mac(named, keyward))) {
            throw new AssertionError("the two forms of parameters give two keys");
        }
        try {
            kdf.deriveData(spec(inside));
            throw new AssertionError("bytes left the service");
        } catch (InvalidAlgorithmParameterException refused) {
            // The JDK puts an exception of its own around the provider's.
            if (!refused.getCause().getMessage().contains("asExportable")) {
                throw refused;
            }
        }
        SecretKey exportable = factory.generateSecret(new SecretKeyImportSpec(software,
            KeyAttributes.named(name + "-gives").withUses(KeyRight.DERIVE).asExportable()));
        for (int length : new int[] {1, 12, 42, 500}) {
            byte[] data = kdf.deriveData(spec(exportable, length));
            if (!Arrays.equals(data, reference(digest, bytes, length))) {
                throw new AssertionError(length + " other bytes are derived");
            }
        }
        Provider sun = Security.getProvider("SunJCE");
        if (sun.getService("KDF", algorithm) != null) {
            compare(algorithm, keyward, sun, software, inside);
        }
        derived.deleteFromService();
        System.out.println("derived");
    }

    /** Wherever Keyward stands, each key finds its provider, and both come to the same. */
    private static void compare(String algorithm, KeywardProvider keyward, Provider sun,
            SecretKey software, SecretKey inside) throws Exception {
        for (int place : new int[] {1, Security.getProviders().length + 1}) {
            Security.insertProviderAt(keyward, place);
            SecretKey ours = KDF.getInstance(algorithm).deriveKey("HmacSHA256", spec(inside));
            SecretKey theirs = KDF.getInstance(algorithm).deriveKey("HmacSHA256", spec(software));
            Security.removeProvider("Keyward");
            if (!(ours instanceof KeywardSecretKey) || theirs instanceof KeywardSecretKey
                    || !Arrays.equals(mac(theirs, sun), mac(ours, keyward))) {
                throw new AssertionError("SunJCE derives another key");
            }
        }
        System.out.println("as SunJCE does");
    }

    private static HKDFParameterSpec spec(SecretKey key) {
        return spec(key, 42);
    }

    private static HKDFParameterSpec spec(SecretKey key, int length) {
        return HKDFParameterSpec.ofExtract().addIKM(key).addSalt(SALT).thenExpand(INFO, length);
    }

    /** RFC 5869, 2, in a few lines: SunJCE does not have every digest. */
    private static byte[] reference(String digest, byte[] key, int length) throws Exception {
        String name = "Hmac" + digest;
        byte[] pseudorandom = hmac(name, SALT, key);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        byte[] block = {};
        for (int number = 1; out.size() < length; number++) {
            block = hmac(name, pseudorandom, block, INFO, new byte[] {(byte) number});
            out.write(block);
        }
        return Arrays.copyOf(out.toByteArray(), length);
    }

    private static byte[] hmac(String name, byte[] key, byte[]... parts) throws Exception {
        Mac mac = Mac.getInstance(name);
        mac.init(new SecretKeySpec(key, name));
        for (byte[] part : parts) {
            mac.update(part);
        }
        return mac.doFinal();
    }

    private static byte[] mac(SecretKey key, Provider provider) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256", provider);
        mac.init(key);
        return mac.doFinal(INFO);
    }
}
