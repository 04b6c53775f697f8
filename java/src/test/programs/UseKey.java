import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Signature;
import java.util.ServiceLoader;

/** Finds the provider as java.security does, signs, and says where the library was loaded from. */
public class UseKey {
    public static void main(String[] arguments) throws Exception {
        Provider keyward = ServiceLoader.load(Provider.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(provider -> provider.getName().equals("Keyward")).findFirst().orElseThrow();
        System.out.println(keyward.getServices().size() + " services in "
            + keyward.getClass().getModule());
        if (arguments.length > 0) {
            KeyStore keys = KeyStore.getInstance("Keyward", keyward);
            keys.load(null, null);
            Signature signature = Signature.getInstance("SHA256withECDSA", keyward);
            signature.initSign((PrivateKey) keys.getKey(arguments[0], null));
            System.out.println("signed " + signature.sign().length + " bytes");
        }
    }
}
