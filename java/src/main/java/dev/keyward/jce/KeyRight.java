// Generated from the crate keyward-algorithms by its test `generated`; do not edit.
package dev.keyward.jce;

import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/**
 * What a caller may do with a key, and what a key may be used for.
 *
 * <pre>{@code
 * KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", "Keyward");
 * generator.initialize(KeyAttributes.named("agrees").withUses(KeyRight.DERIVE));
 * PrivateKey key = generator.generateKeyPair().getPrivate();
 * }</pre>
 */
public enum KeyRight {
    /** See its name, attributes, public part and certificates. */
    SEE(1, "see", false),
    /** Sign digests or messages, make message authentication codes. */
    SIGN(2, "sign", true),
    /** Decrypt, RSA with a padding. */
    DECRYPT(3, "decrypt", true),
    /** Agree on shared secrets, derive keys. */
    DERIVE(4, "derive", true),
    /** Apply the bare RSA function; excludes every other use. */
    RAW(5, "raw", true),
    /** Rename, share and delete it, and change its certificates. */
    MANAGE(6, "manage", false),
    /** Encrypt with a secret key. */
    ENCRYPT(7, "encrypt", true),
    /** Verify message authentication codes. */
    VERIFY(8, "verify", true),
    /** Encrypt exportable keys so that they can leave the service. */
    WRAP(9, "wrap", true),
    /** Take in keys that are encrypted with this one. */
    UNWRAP(10, "unwrap", true);

    private final int bit;
    private final String word;
    private final boolean use;

    KeyRight(int code, String word, boolean use) {
        this.bit = 1 << (code - 1);
        this.word = word;
        this.use = use;
    }

    /** The word for it in the service's configuration and on the command line. */
    public String word() {
        return word;
    }

    /** Whether it is a use of the key, fixed at the key's birth, and not only a caller's right. */
    public boolean isUse() {
        return use;
    }

    /** The rights whose bits are set. */
    static Set<KeyRight> ofBits(int bits) {
        EnumSet<KeyRight> rights = EnumSet.noneOf(KeyRight.class);
        for (KeyRight right : values()) {
            if ((bits & right.bit) != 0) {
                rights.add(right);
            }
        }
        return Collections.unmodifiableSet(rights);
    }

    /** The number that stands for a set of rights. */
    static int bits(Set<KeyRight> rights) {
        int bits = 0;
        for (KeyRight right : rights) {
            bits |= right.bit;
        }
        return bits;
    }
}
