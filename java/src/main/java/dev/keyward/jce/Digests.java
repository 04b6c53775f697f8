package dev.keyward.jce;

import java.security.InvalidAlgorithmParameterException;

/** Digests of the table by the names that callers use. */
final class Digests {
    /** The digest of this name: {@code SHA-256} or {@code SHA256}, in any case. */
    static AlgorithmTable.Digest named(String name) throws InvalidAlgorithmParameterException {
        for (AlgorithmTable.Digest digest : AlgorithmTable.Digest.values()) {
            if (digest.jca.equalsIgnoreCase(name) || digest.jcaPrefix.equalsIgnoreCase(name)) {
                return digest;
            }
        }
        throw new InvalidAlgorithmParameterException("Keyward does not know the digest " + name);
    }

    private Digests() {}
}
