import dev.keyward.jce.KeywardProvider;
import java.io.File;
import java.security.KeyStore;
import net.jsign.AuthenticodeSigner;
import net.jsign.Signable;

/**
 * Puts an Authenticode signature into a Windows program, installer or script, with Jsign and a key
 * in the Keyward service. It needs net.jsign:jsign-core.
 *
 * <pre>SignExecutable ALIAS FILE</pre>
 */
public class SignExecutable {
    public static void main(String[] arguments) throws Exception {
        KeywardProvider keyward = new KeywardProvider();
        KeyStore keys = KeyStore.getInstance("Keyward", keyward);
        keys.load(null, null);
        AuthenticodeSigner signer = new AuthenticodeSigner(keys, arguments[0], null)
            .withSignatureProvider(keyward)
            .withProgramName("Keyward example")
            .withTimestamping(false);
        try (Signable file = Signable.of(new File(arguments[1]))) {
            signer.sign(file);
        }
    }
}
