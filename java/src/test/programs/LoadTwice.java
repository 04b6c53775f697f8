import dev.keyward.jce.KeywardException;
import dev.keyward.jce.KeywardProvider;
import java.io.IOException;
import java.security.KeyStore;

/** Loads the KeyStore twice and says why that failed. */
public class LoadTwice {
    public static void main(String[] arguments) throws Exception {
        KeyStore keys = KeyStore.getInstance("Keyward", new KeywardProvider());
        for (int i = 0; i < 2; i++) {
            try {
                keys.load(null, null);
            } catch (IOException failure) {
                System.out.println(((KeywardException) failure.getCause()).kind() + ": "
                    + failure.getMessage());
            }
        }
    }
}
