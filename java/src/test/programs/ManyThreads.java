import dev.keyward.jce.KeywardProvider;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Signature;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/** Signs in 10,000 virtual threads that all begin at once. */
public class ManyThreads {
    private static final int THREADS = 10_000;

    public static void main(String[] arguments) throws Exception {
        KeywardProvider provider = new KeywardProvider();
        KeyStore keys = KeyStore.getInstance("Keyward", provider);
        keys.load(null, null);
        PrivateKey key = (PrivateKey) keys.getKey(arguments[0], null);
        CountDownLatch begin = new CountDownLatch(1);
        AtomicInteger signed = new AtomicInteger();
        long start;
        try (var executor = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < THREADS; i++) {
                executor.submit(() -> {
                    begin.await();
                    Signature signature = Signature.getInstance("SHA256withECDSA", provider);
                    signature.initSign(key);
                    signature.sign();
                    return signed.incrementAndGet();
                });
            }
            start = System.nanoTime();
            begin.countDown();
        }
        System.out.println(signed + " signed in " + (System.nanoTime() - start) / 1_000_000
            + " ms by " + Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().equals("keyward-call")).count() + " threads");
    }
}
