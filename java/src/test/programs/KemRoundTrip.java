import dev.keyward.jce.KeyAttributes;
import dev.keyward.jce.KeywardPrivateKey;
import dev.keyward.jce.KeywardProvider;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Provider;
import java.security.Security;
import java.security.spec.NamedParameterSpec;
import java.util.Arrays;
import javax.crypto.KEM;

/** Makes ML-KEM keys in the service by each name; the JDK encapsulates for them. */
public class KemRoundTrip {
    public static void main(String[] arguments) throws Exception {
        Provider keyward = new KeywardProvider();
        int secrets = 0;
        for (String set : new String[] {"ML-KEM-512", "ML-KEM-768", "ML-KEM-1024"}) {
            secrets += roundTrip(keyward, KeyPairGenerator.getInstance(set, keyward), set);
            KeyPairGenerator any = KeyPairGenerator.getInstance("ML-KEM", keyward);
            any.initialize(new NamedParameterSpec(set));
            secrets += roundTrip(keyward, any, set);
            any.initialize(KeyAttributes.named("kem-" + System.nanoTime())
                .ofType(set.toLowerCase()));
            secrets += roundTrip(keyward, any, set);
        }
        // Whoever names no provider gets keys of this process, wherever Keyward stands.
        for (int place : new int[] {1, Security.getProviders().length + 1}) {
            Security.insertProviderAt(keyward, place);
            if (KeyPairGenerator.getInstance("ML-KEM").generateKeyPair().getPrivate()
                    instanceof KeywardPrivateKey) {
                throw new AssertionError("an ephemeral key was made in the service");
            }
            Security.removeProvider("Keyward");
        }
        System.out.println(secrets + " secrets");
    }

    private static int roundTrip(Provider keyward, KeyPairGenerator generator, String set)
            throws Exception {
        KeyPair pair = generator.generateKeyPair();
        KeywardPrivateKey key = (KeywardPrivateKey) pair.getPrivate();
        // As the JDK's own: one name for all sets, and the set among the parameters.
        if (!key.getAlgorithm().equals(pair.getPublic().getAlgorithm())
                || !(key.getParams() instanceof NamedParameterSpec named)
                || !named.getName().equals(set)) {
            throw new AssertionError(key + " is no " + set);
        }
        KEM.Encapsulated made =
            KEM.getInstance("ML-KEM", "SunJCE").newEncapsulator(pair.getPublic()).encapsulate();
        for (KEM kem : new KEM[] {KEM.getInstance("ML-KEM", keyward),
                KEM.getInstance(set, keyward)}) {
            if (!Arrays.equals(made.key().getEncoded(),
                    kem.newDecapsulator(key).decapsulate(made.encapsulation()).getEncoded())) {
                throw new AssertionError("that is another secret");
            }
        }
        key.deleteFromService();
        return 1;
    }
}
