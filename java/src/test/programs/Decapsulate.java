import dev.keyward.jce.KeywardPrivateKey;
import dev.keyward.jce.KeywardProvider;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.InvalidKeyException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.util.Arrays;
import javax.crypto.DecapsulateException;
import javax.crypto.KEM;

/** Takes the secret out of a ciphertext: ALGORITHM KEY CIPHERTEXT SECRET, the last two files. */
public class Decapsulate {
    public static void main(String[] arguments) throws Exception {
        byte[] ciphertext = Files.readAllBytes(Path.of(arguments[2]));
        byte[] secret = Files.readAllBytes(Path.of(arguments[3]));
        KeywardProvider keyward = new KeywardProvider();
        KeyStore keys = KeyStore.getInstance("Keyward", keyward);
        keys.load(null, null);
        KeywardPrivateKey key = (KeywardPrivateKey) keys.getKey(arguments[1], null);

        KEM kem = KEM.getInstance(arguments[0], keyward);
        check(kem, key, ciphertext, secret);
        KEM.Decapsulator decapsulator = kem.newDecapsulator(key);
        try {
            decapsulator.decapsulate(new byte[100]);
            throw new AssertionError("100 bytes were decapsulated");
        } catch (DecapsulateException refused) {
            System.out.println(refused.getMessage());
        }
        try {
            kem.newEncapsulator(null);
            throw new AssertionError("it encapsulates");
        } catch (InvalidKeyException refused) {
            System.out.println(refused.getMessage());
        }
        // Wherever it stands, each key finds its provider; the JDK has ML-KEM from 24 on.
        for (int place : new int[] {1, Security.getProviders().length + 1}) {
            Security.insertProviderAt(keyward, place);
            KEM anybody = KEM.getInstance(arguments[0]);
            check(anybody, key, ciphertext, secret);
            if (key.publicKey() != null) {
                KEM.Encapsulated made = anybody.newEncapsulator(key.publicKey()).encapsulate();
                check(anybody, key, made.encapsulation(), made.key().getEncoded());
            }
            Security.removeProvider("Keyward");
        }
        System.out.println("decapsulated");
    }

    private static void check(KEM kem, PrivateKey key, byte[] ciphertext, byte[] secret)
            throws Exception {
        KEM.Decapsulator decapsulator = kem.newDecapsulator(key);
        if (decapsulator.secretSize() != 32
                || decapsulator.encapsulationSize() != ciphertext.length
                || !decapsulator.providerName().equals("Keyward")
                || !Arrays.equals(secret, decapsulator.decapsulate(ciphertext).getEncoded())
                || !Arrays.equals(Arrays.copyOf(secret, 16),
                    decapsulator.decapsulate(ciphertext, 0, 16, "AES").getEncoded())) {
            throw new AssertionError("that is another secret");
        }
    }
}
