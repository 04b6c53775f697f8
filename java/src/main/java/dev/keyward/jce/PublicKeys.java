package dev.keyward.jce;

import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.spec.X509EncodedKeySpec;

/** Public halves, as objects of the JDK's own factories, which all its users of keys know. */
final class PublicKeys {
    /** The public half, or null where this Java has no factory for it (secp256k1, say). */
    static PublicKey of(KeyInfo key) {
        try {
            return KeyFactory.getInstance(key.family().jca)
                .generatePublic(new X509EncodedKeySpec(key.spki()));
        } catch (GeneralSecurityException unknownHere) {
            return null;
        }
    }

    private PublicKeys() {}
}
