package dev.keyward.jce;

import java.security.KeyStore;
import java.security.spec.AlgorithmParameterSpec;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Set;

/**
 * What a new key in the service is to be: its name, its type, its uses. They are fixed at the
 * key's birth, the name excepted.
 *
 * <p>A generator makes such a key:
 * <pre>{@code
 * KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA", "Keyward");
 * generator.initialize(KeyAttributes.named("web").ofType("rsa-3072").withUses(KeyRight.SIGN));
 * KeyPair pair = generator.generateKeyPair();
 * }</pre>
 *
 * <p>An import takes in a key that was made elsewhere: see {@link KeyImportSpec}, and
 * {@link KeyStore#setEntry}, where these attributes take the place of the password:
 * <pre>{@code
 * keys.setEntry("web", new KeyStore.PrivateKeyEntry(foreignKey, chain),
 *     KeyAttributes.named("web"));
 * }</pre>
 *
 * <p>Objects are immutable; each method gives another one.
 */
public final class KeyAttributes implements AlgorithmParameterSpec, KeyStore.ProtectionParameter {
    private final String name;
    private final String type;
    private final Set<KeyRight> uses;
    private final boolean exportable;

    private KeyAttributes(String name, String type, Set<KeyRight> uses, boolean exportable) {
        this.name = name;
        this.type = type;
        this.uses = uses;
        this.exportable = exportable;
    }

    /**
     * A key of this name, of the type that the generator makes unless told otherwise, with the uses
     * that are usual for its type.
     *
     * @param name unique among the caller's keys: 1 to 128 of letters, digits, {@code .}, {@code _}
     *     and {@code -}
     */
    public static KeyAttributes named(String name) {
        return new KeyAttributes(Objects.requireNonNull(name), null, Set.of(), false);
    }

    /**
     * The same of this type.
     *
     * @param type Keyward's name of the type: {@code rsa-2048}, {@code p-256}, {@code ed25519}
     */
    public KeyAttributes ofType(String type) {
        return new KeyAttributes(name, Objects.requireNonNull(type), uses, exportable);
    }

    /** The same with these uses and no others. */
    public KeyAttributes withUses(KeyRight first, KeyRight... more) {
        return new KeyAttributes(name, type, Collections.unmodifiableSet(EnumSet.of(first, more)),
            exportable);
    }

    /** The same, but the service may give the key out in wrapped form. */
    public KeyAttributes asExportable() {
        return new KeyAttributes(name, type, uses, true);
    }

    /** The key's name. */
    public String name() {
        return name;
    }

    /** The key's type; null where the generator, or the key that is imported, decides. */
    public String type() {
        return type;
    }

    /** What it may be used for; empty means what is usual for its type. */
    public Set<KeyRight> uses() {
        return uses;
    }

    /** Whether it may leave the service in wrapped form. */
    public boolean exportable() {
        return exportable;
    }
}
