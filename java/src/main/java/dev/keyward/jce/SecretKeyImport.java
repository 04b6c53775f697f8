package dev.keyward.jce;

import java.security.InvalidKeyException;
import java.util.Arrays;

/** Takes secret keys of other providers into the service. */
final class SecretKeyImport {
    private static final int BITS_OF_A_BYTE = 8;

    /** The kind of a key, going by the name of its algorithm: AES, HmacSHA256; or null. */
    static AlgorithmTable.SecretKind kindOf(String algorithm) {
        for (AlgorithmTable.SecretKind kind : AlgorithmTable.SecretKind.values()) {
            if (algorithm.equalsIgnoreCase(kind.jca)) {
                return kind;
            }
        }
        for (AlgorithmTable.Mac mac : AlgorithmTable.Mac.values()) {
            if (algorithm.equalsIgnoreCase(mac.jca)) {
                return mac.kind;
            }
        }
        return null;
    }

    /** The imported key. */
    static KeyInfo into(ServiceClient client, AlgorithmTable.SecretKind kind,
            SecretKeyImportSpec spec) throws KeywardException, InvalidKeyException {
        KeyAttributes attributes = spec.attributes();
        if (attributes.type() != null) {
            throw new InvalidKeyException("key \"" + attributes.name() + "\" has a type"
                + " already: import it with KeyAttributes that name none");
        }
        byte[] secret = "RAW".equals(spec.key().getFormat()) ? spec.key().getEncoded() : null;
        if (secret == null) {
            throw new InvalidKeyException("key \"" + attributes.name() + "\" cannot be"
                + " imported: it does not give out its bytes");
        }
        try {
            String type = kind.keyward + "-" + BITS_OF_A_BYTE * secret.length;
            return client.importSecret(attributes, type, secret);
        } finally {
            Arrays.fill(secret, (byte) 0);
        }
    }

    private SecretKeyImport() {}
}
