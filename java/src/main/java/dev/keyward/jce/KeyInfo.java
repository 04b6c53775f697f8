package dev.keyward.jce;

import java.io.DataInputStream;
import java.io.IOException;
import java.util.Date;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/**
 * What the caller knows of a key in the service, as the native library tells it.
 *
 * @param id identifier for life
 * @param owner the user who owns it
 * @param name unique per owner
 * @param type Keyward's name of its type and size
 * @param family what it can do; null for a secret key
 * @param secretKind what it is for; null for a pair of keys
 * @param uses what the caller may use it for: uses of the key and rights of the caller at once
 * @param rights what the caller may do with it
 * @param created birth or import
 * @param spki DER SubjectPublicKeyInfo; empty for a secret key
 * @param chain DER certificates, the key's own first
 * @param attributes what it is held to
 */
record KeyInfo(byte[] id, String owner, String name, String type, AlgorithmTable.Family family,
    AlgorithmTable.SecretKind secretKind, Set<KeyRight> uses, Set<KeyRight> rights, Date created,
    byte[] spki, List<byte[]> chain, KeyAttributes attributes) {

    /** Reads one key. */
    static KeyInfo read(byte[] encoded) {
        return Encoded.one(encoded, KeyInfo::read);
    }

    /** Reads a number and so many keys. */
    static List<KeyInfo> readAll(byte[] encoded) {
        return Encoded.list(encoded, KeyInfo::read);
    }

    /** The identifier as the command line prints it. */
    String idHex() {
        return HexFormat.of().formatHex(id);
    }

    /** The key for messages. */
    @Override
    public String toString() {
        return owner + "/" + name;
    }

    private static KeyInfo read(DataInputStream in) throws IOException {
        byte[] id = Encoded.bytes(in);
        String owner = Encoded.string(in);
        String type = Encoded.string(in);
        String kind = Encoded.string(in);
        int rights = in.readInt();
        Date created = Encoded.date(in);
        byte[] spki = Encoded.bytes(in);
        List<byte[]> chain = Encoded.list(in, Encoded::bytes);
        KeyAttributes attributes = KeyAttributes.read(in, type);
        return new KeyInfo(id, owner, attributes.name(), type, family(kind), secretKind(kind),
            KeyRight.ofBits(KeyRight.bits(attributes.uses()) & rights), KeyRight.ofBits(rights),
            created, spki, chain, attributes);
    }

    private static AlgorithmTable.Family family(String name) {
        for (AlgorithmTable.Family family : AlgorithmTable.Family.values()) {
            if (family.keyward.equals(name)) {
                return family;
            }
        }
        return null;
    }

    /** The library and this class are of one version, so what is no family is a kind. */
    private static AlgorithmTable.SecretKind secretKind(String name) {
        for (AlgorithmTable.SecretKind kind : AlgorithmTable.SecretKind.values()) {
            if (kind.keyward.equals(name)) {
                return kind;
            }
        }
        if (family(name) == null) {
            throw new IllegalArgumentException(name);
        }
        return null;
    }
}
