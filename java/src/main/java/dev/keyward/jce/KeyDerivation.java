package dev.keyward.jce;

import java.security.InvalidKeyException;
import java.security.Key;
import java.security.PublicKey;
import javax.crypto.SecretKey;

/** Makes keys of the service from others of its keys. */
final class KeyDerivation {

    /**
     * The new key, of the attributes' type.
     *
     * @param kind of the new key
     * @param bits its size where the attributes do not name one
     */
    static SecretKey derive(DerivationSpec how, AlgorithmTable.SecretKind kind, int bits)
            throws InvalidKeyException {
        if (!(how.from() instanceof ServiceKey from)) {
            throw new InvalidKeyException("keys are derived inside the service, from keys of the"
                + " KeyStore \"Keyward\"");
        }
        from.demand(KeyRight.DERIVE);
        KeyAttributes wanted = how.attributes() != null
            ? how.attributes() : KeyAttributes.named(MakingKeys.unnamed());
        String type = wanted.type() != null ? wanted.type() : kind.keyward + "-" + bits;
        if (!type.startsWith(kind.keyward + "-")) {
            throw new InvalidKeyException("a key of type " + type + " is no " + kind.jca + " key");
        }
        try {
            return ServiceSecretKey.of(from.client(), from.client().deriveKey(from.info(), how,
                how.peer() == null ? null : encoded(how.peer()), wanted, type));
        } catch (KeywardException failure) {
            throw Failures.keyOrInput(failure);
        }
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
