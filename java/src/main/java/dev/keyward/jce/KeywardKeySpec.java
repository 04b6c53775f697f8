package dev.keyward.jce;

import java.security.spec.AlgorithmParameterSpec;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Set;

/**
 * Says to a {@code KeyPairGenerator} what key to make in the service, and under what name:
 * {@code generator.initialize(new KeywardKeySpec("web", "rsa-3072"))}.
 */
public final class KeywardKeySpec implements AlgorithmParameterSpec {
    private final String name;
    private final String type;
    private final Set<KeyRight> uses;
    private final boolean exportable;

    /**
     * A key with the uses that are usual for its type.
     *
     * @param name unique among the caller's keys
     * @param type Keyward's name of the type: {@code rsa-2048}, {@code p-256}, {@code ed25519}
     */
    public KeywardKeySpec(String name, String type) {
        this(Objects.requireNonNull(name), Objects.requireNonNull(type), Set.of(), false);
    }

    private KeywardKeySpec(String name, String type, Set<KeyRight> uses, boolean exportable) {
        this.name = name;
        this.type = type;
        this.uses = uses;
        this.exportable = exportable;
    }

    /** The same with these uses and no others. */
    public KeywardKeySpec withUses(KeyRight first, KeyRight... more) {
        return new KeywardKeySpec(name, type, Collections.unmodifiableSet(EnumSet.of(first, more)),
            exportable);
    }

    /** The same, but the service may give the key out in wrapped form. */
    public KeywardKeySpec asExportable() {
        return new KeywardKeySpec(name, type, uses, true);
    }

    /** The key's name. */
    public String name() {
        return name;
    }

    /** The key's type. */
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
