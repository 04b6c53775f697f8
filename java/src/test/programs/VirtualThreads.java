import dev.keyward.jce.KeywardProvider;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Signature;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Run with one carrier thread: while one virtual thread waits for a service that is away, another
 * goes on. The program says on standard output when to take the service away.
 */
public class VirtualThreads {
    public static void main(String[] arguments) throws Exception {
        KeywardProvider provider = new KeywardProvider();
        KeyStore keys = KeyStore.getInstance("Keyward", provider);
        keys.load(null, null);
        PrivateKey key = (PrivateKey) keys.getKey(arguments[0], null);
        System.out.println("take the service away");
        System.in.read();
        CountDownLatch signing = new CountDownLatch(1);
        CountDownLatch signed = new CountDownLatch(1);
        CountDownLatch other = new CountDownLatch(1);
        Thread.ofVirtual().start(() -> {
            try {
                Signature signature = Signature.getInstance("SHA256withECDSA", provider);
                signature.initSign(key);
                signing.countDown();
                signature.sign();
            } catch (Exception expected) {
                System.out.println("signing failed: " + expected.getMessage());
            }
            signed.countDown();
        });
        signing.await();
        AtomicBoolean wentOn = new AtomicBoolean();
        Thread.ofVirtual().start(() -> {
            wentOn.set(signed.getCount() == 1);
            other.countDown();
        });
        signed.await();
        other.await();
        System.out.println(wentOn.get() ? "the other went on" : "the other was stalled");
    }
}
