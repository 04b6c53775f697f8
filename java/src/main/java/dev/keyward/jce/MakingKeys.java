package dev.keyward.jce;

import java.security.Provider;
import java.security.SecureRandom;
import java.security.Security;
import java.util.HexFormat;

/**
 * Who may make keys in the service without a name for them.
 *
 * <p>Whoever asks for a key and names no provider wants a key of this process: JSSE for its
 * ephemeral keys, above all. The JDK asks the first provider in the list, so where Keyward stands
 * before another one that makes such keys, only a {@link KeyAttributes} is accepted, and the JDK
 * goes on to the next. Where it stands behind them, only callers who name it get here.
 */
final class MakingKeys {
    private static final int UNNAMED_BYTES = 8;

    /** Why the generator of this type and name is not to make an unnamed key; null if it is. */
    static String refusal(String type, String algorithm) {
        boolean seenKeyward = false;
        for (Provider provider : Security.getProviders()) {
            if (provider instanceof KeywardProvider) {
                seenKeyward = true;
            } else if (seenKeyward && provider.getService(type, algorithm) != null) {
                return "Keyward stands before " + provider.getName() + " in the list of providers"
                    + " and would make everybody's keys: give a KeyAttributes, or put Keyward"
                    + " at the list's end";
            }
        }
        return null;
    }

    /** A name until {@code KeyStore.setKeyEntry} gives the key its alias. */
    static String unnamed() {
        byte[] random = new byte[UNNAMED_BYTES];
        new SecureRandom().nextBytes(random);
        return "unnamed-" + HexFormat.of().formatHex(random);
    }

    private MakingKeys() {}
}
