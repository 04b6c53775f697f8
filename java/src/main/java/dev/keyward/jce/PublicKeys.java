package dev.keyward.jce;

import java.security.PublicKey;
import java.security.spec.X509EncodedKeySpec;

/** Public halves, as objects of the JDK's own factories, which all its users of keys know. */
final class PublicKeys {
    /** The public half, or null where this Java has no factory for it (secp256k1, say). */
    static PublicKey of(KeyInfo key) {
        X509EncodedKeySpec encoded = new X509EncodedKeySpec(key.spki());
        return JdkFactories.ask(key.family().jca, factory -> factory.generatePublic(encoded));
    }

    private PublicKeys() {}
}
