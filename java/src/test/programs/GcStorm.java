import dev.keyward.jce.KeywardProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;

/**
 * Signs in several threads, each time with a provider that nobody closes, while the others of them
 * have the garbage collector run. It says whether every signature was right, and
 * whether the forgotten providers' connections are gone in the end.
 */
public class GcStorm {
    private static final int THREADS = 4;
    private static final int SIGNATURES = 40;
    private static final int PATIENCE = 200;

    public static void main(String[] arguments) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        List<Callable<Integer>> work = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            work.add(() -> sign(arguments[0]));
        }
        int right = 0;
        for (Future<Integer> result : threads.invokeAll(work)) {
            right += result.get();
        }
        threads.shutdown();
        System.out.println(right == THREADS * SIGNATURES ? "every signature is right"
            : "only " + right + " are right");
        // What a thread did last it may still refer to.
        long left = sockets();
        for (int i = 0; i < PATIENCE && left > THREADS; i++) {
            System.gc();
            Thread.sleep(50);
            left = sockets();
        }
        System.out.println(left <= THREADS ? "their connections are gone"
            : left + " connections are left");
    }

    private static int sign(String alias) throws Exception {
        int right = 0;
        for (int i = 0; i < SIGNATURES; i++) {
            KeyStore keys = KeyStore.getInstance("Keyward", new KeywardProvider());
            keys.load(null, null);
            Signature signature = Signature.getInstance("SHA256withECDSA", keys.getProvider());
            signature.initSign((PrivateKey) keys.getKey(alias, null));
            byte[] message = new byte[64 * 1024];
            signature.update(message);
            System.gc();
            byte[] made = signature.sign();
            PublicKey known = keys.getCertificate(alias).getPublicKey();
            Signature verification = Signature.getInstance("SHA256withECDSA");
            verification.initVerify(known);
            verification.update(message);
            right += verification.verify(made) ? 1 : 0;
            signature.update(message);
        }
        return right;
    }

    private static long sockets() throws Exception {
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
            return descriptors.filter(descriptor -> {
                try {
                    return Files.readSymbolicLink(descriptor).toString().startsWith("socket:");
                } catch (IOException closedMeanwhile) {
                    return false;
                }
            }).count();
        }
    }
}
