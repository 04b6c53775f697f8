import dev.keyward.jce.KeywardProvider;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Signature;
import java.util.concurrent.CountDownLatch;

/** Starts other programs between signatures, and ends while threads are in mid-request. */
public class ForkAndExit {
    private static final int SIGNERS = 8;
    private static final int PROGRAMS = 20;

    public static void main(String[] arguments) throws Exception {
        KeywardProvider provider = new KeywardProvider();
        KeyStore keys = KeyStore.getInstance("Keyward", provider);
        keys.load(null, null);
        PrivateKey key = (PrivateKey) keys.getKey(arguments[0], null);
        CountDownLatch signing = new CountDownLatch(SIGNERS);
        for (int i = 0; i < SIGNERS; i++) {
            new Thread(() -> sign(provider, key, signing)).start();
        }
        signing.await();
        for (int i = 0; i < PROGRAMS; i++) {
            if (new ProcessBuilder("true").inheritIO().start().waitFor() != 0) {
                throw new AssertionError("a program failed");
            }
        }
        System.out.println("ends in mid-request");
        System.exit(7);
    }

    private static void sign(KeywardProvider provider, PrivateKey key, CountDownLatch signing) {
        try {
            Signature signature = Signature.getInstance("SHA256withECDSA", provider);
            signature.initSign(key);
            for (long i = 0; true; i++) {
                signature.sign();
                if (i == 0) {
                    signing.countDown();
                }
            }
        } catch (Exception failure) {
            failure.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }
}
