import java.lang.ref.WeakReference;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Signature;
import java.util.ArrayList;
import java.util.List;

/**
 * Deploys the provider again and again, each time in a class loader of its own, as an application
 * server does with an application that brings the jar; signs, closes, and says what was left.
 */
public class Redeploy {
    private static final int PATIENCE = 200;

    public static void main(String[] arguments) throws Exception {
        URL jar = Path.of(arguments[0]).toUri().toURL();
        int deployments = Integer.parseInt(arguments[2]);
        List<WeakReference<ClassLoader>> deployed = new ArrayList<>();
        for (int i = 0; i < deployments; i++) {
            deployed.add(deploy(jar, arguments[1]));
        }
        // Every one but the last few, which this thread may still refer to.
        long left = deployments;
        for (int i = 0; i < PATIENCE && left > 2; i++) {
            System.gc();
            Thread.sleep(50);
            left = deployed.stream().filter(loader -> loader.get() != null).count();
        }
        System.out.println(left <= 2 ? "nothing is left" : left + " class loaders are left");
    }

    private static WeakReference<ClassLoader> deploy(URL jar, String key) throws Exception {
        try (URLClassLoader loader = new URLClassLoader(new URL[] {jar}, null)) {
            Provider provider = (Provider) loader
                .loadClass("dev.keyward.jce.KeywardProvider").getConstructor().newInstance();
            KeyStore keys = KeyStore.getInstance("Keyward", provider);
            keys.load(null, null);
            Signature signature = Signature.getInstance("SHA256withECDSA", provider);
            signature.initSign((PrivateKey) keys.getKey(key, null));
            signature.sign();
            ((AutoCloseable) provider).close();
            return new WeakReference<>(loader);
        }
    }
}
