package dev.keyward.jce;

import java.security.InvalidKeyException;
import java.security.Key;
import java.security.PublicKey;
import java.util.Arrays;
import javax.crypto.SecretKey;

/** Makes keys of the service from others of its keys. */
final class KeyDerivation {
    /** The sizes of generic secrets. */
    private static final int LEAST_DATA_BYTES = 14;
    private static final int MAX_DATA_BYTES = 1024;

    /**
     * The new key, of the attributes' type.
     *
     * @param kind of the new key
     * @param bits its size where the attributes do not name one
     */
    static SecretKey derive(DerivationSpec how, AlgorithmTable.SecretKind kind, int bits)
            throws InvalidKeyException {
        ServiceKey from = ours(how);
        KeyAttributes wanted = how.attributes() != null
            ? how.attributes() : KeyAttributes.named(MakingKeys.unnamed());
        String type = wanted.type() != null ? wanted.type() : kind.keyward + "-" + bits;
        if (!type.startsWith(kind.keyward + "-")) {
            throw new InvalidKeyException("a key of type " + type + " is no " + kind.jca + " key");
        }
        try {
            return ServiceSecretKey.of(from.client(), derived(from, how, wanted, type));
        } catch (KeywardException failure) {
            throw Failures.keyOrInput(failure);
        }
    }

    /**
     * Derived bytes, which leave the service. They do it as an exportable key that is made for this
     * alone, so only what comes of an exportable key can.
     */
    static byte[] data(DerivationSpec how, int length) throws InvalidKeyException {
        ServiceKey from = ours(how);
        if (length > MAX_DATA_BYTES) {
            throw new InvalidKeyException("Keyward derives " + MAX_DATA_BYTES
                + " bytes at once, not " + length);
        }
        // The functions give more where more is asked for, and the same before it.
        int bits = Byte.SIZE * Math.max(length, LEAST_DATA_BYTES);
        KeyAttributes wanted = KeyAttributes.named(MakingKeys.unnamed()).asExportable();
        String type = AlgorithmTable.SecretKind.HMAC.keyward + "-" + bits;
        try {
            KeyInfo made = derived(from, how, wanted, type);
            try {
                byte[] all = SecretKeyExport.bytes(from.client(), made);
                try {
                    return Arrays.copyOf(all, length);
                } finally {
                    Arrays.fill(all, (byte) 0);
                }
            } finally {
                from.client().deleteNow(made);
            }
        } catch (KeywardException failure) {
            if (failure.kind() == ErrorKind.INVALID_ARGUMENT
                    || failure.kind() == ErrorKind.PERMISSION_DENIED) {
                throw new InvalidKeyException("what is derived from " + from + " stays in the"
                    + " service: call deriveKey, or derive from a key that was made as exportable"
                    + " (KeyAttributes.asExportable, \"keyward key generate --exportable\") and may"
                    + " leave with any key", failure);
            }
            throw Failures.key(failure);
        }
    }

    private static ServiceKey ours(DerivationSpec how) throws InvalidKeyException {
        if (!(how.from() instanceof ServiceKey from)) {
            throw new InvalidKeyException("keys are derived inside the service, from keys of the"
                + " KeyStore \"Keyward\"");
        }
        from.demand(KeyRight.DERIVE);
        return from;
    }

    private static KeyInfo derived(ServiceKey from, DerivationSpec how, KeyAttributes wanted,
            String type) throws KeywardException, InvalidKeyException {
        return from.client().deriveKey(from.info(), how,
            how.peer() == null ? null : encoded(how.peer()), wanted, type);
    }

    /** The encoding of the other side's key. */
    static byte[] encoded(Key peer) throws InvalidKeyException {
        if (!(peer instanceof PublicKey) || !"X.509".equals(peer.getFormat())) {
            throw new InvalidKeyException("the other side's public key is needed");
        }
        return peer.getEncoded();
    }

    private KeyDerivation() {}
}
