import dev.keyward.jce.KeywardProvider;
import java.security.Key;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Signature;
import java.util.Collections;

/** Says what the user who runs it sees of the keys of another. */
public class SharedKeys {
    public static void main(String[] arguments) throws Exception {
        Provider provider = new KeywardProvider();
        KeyStore keys = KeyStore.getInstance("Keyward", provider);
        keys.load(null, null);
        for (String alias : Collections.list(keys.aliases())) {
            System.out.println(alias + ": key " + keys.isKeyEntry(alias) + ", certificate "
                + keys.isCertificateEntry(alias));
        }
        for (String alias : arguments) {
            tell(alias + " key", () -> keys.getKey(alias, null));
            tell(alias + " signs", () -> {
                Signature signature = Signature.getInstance("SHA256withECDSA", provider);
                signature.initSign((PrivateKey) keys.getKey(alias, null));
                return signature.sign().length > 0;
            });
            tell(alias + " renames", () -> {
                Key key = keys.getKey(alias, null);
                keys.setKeyEntry("mine", key, null, keys.getCertificateChain(alias));
                return true;
            });
            tell(alias + " deletes", () -> {
                keys.deleteEntry(alias);
                return true;
            });
        }
    }

    private interface Action {
        Object run() throws Exception;
    }

    private static void tell(String what, Action action) {
        try {
            System.out.println(what + ": " + action.run());
        } catch (Exception failure) {
            System.out.println(what + ": " + failure.getClass().getSimpleName() + ": "
                + failure.getMessage());
        }
    }
}
