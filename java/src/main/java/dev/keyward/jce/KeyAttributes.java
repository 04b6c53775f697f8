package dev.keyward.jce;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.spec.AlgorithmParameterSpec;
import java.time.Instant;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * What a new key in the service is to be: its name, its type, its uses, and what those are held to.
 * Of all but the name, later only something can be taken away ({@code keyward key restrict}).
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
 * <p>A key that is to do one thing until a day:
 * <pre>{@code
 * KeyAttributes.named("web").ofType("p-256").withAlgorithms("SHA256withECDSA")
 *     .validUntil(Instant.parse("2027-01-31T00:00:00Z"));
 * }</pre>
 *
 * <p>Objects are immutable; each method gives another one.
 */
public final class KeyAttributes implements AlgorithmParameterSpec, KeyStore.ProtectionParameter {
    private static final int EXPORTABLE = 1;
    private static final int NEEDS_APPROVAL = 2;
    private static final int WRAP_WITH_TRUSTED_ONLY = 4;

    private final String name;
    private final String type;
    private final Set<KeyRight> uses;
    private final List<String> algorithms;
    private final Instant validFrom;
    private final Instant validUntil;
    private final int flags;

    private KeyAttributes(String name, String type, Set<KeyRight> uses, List<String> algorithms,
            Instant validFrom, Instant validUntil, int flags) {
        this.name = name;
        this.type = type;
        this.uses = uses;
        this.algorithms = algorithms;
        this.validFrom = validFrom;
        this.validUntil = validUntil;
        this.flags = flags;
    }

    /**
     * A key of this name, of the type that the generator makes unless told otherwise, with the uses
     * that are usual for its type.
     *
     * @param name unique among the caller's keys: 1 to 128 of letters, digits, {@code .}, {@code _}
     *     and {@code -}
     */
    public static KeyAttributes named(String name) {
        return new KeyAttributes(Objects.requireNonNull(name), null, Set.of(), List.of(), null,
            null, 0);
    }

    /**
     * The same of this type.
     *
     * @param type Keyward's name of the type: {@code rsa-2048}, {@code p-256}, {@code ed25519}
     */
    public KeyAttributes ofType(String type) {
        return new KeyAttributes(name, Objects.requireNonNull(type), uses, algorithms, validFrom,
            validUntil, flags);
    }

    /** The same with these uses and no others. */
    public KeyAttributes withUses(KeyRight first, KeyRight... more) {
        return new KeyAttributes(name, type, Collections.unmodifiableSet(EnumSet.of(first, more)),
            algorithms, validFrom, validUntil, flags);
    }

    /**
     * The same, used with these algorithms and no others.
     *
     * @param names Java's or Keyward's: {@code SHA256withECDSA}, {@code rsa-pss-sha256}
     */
    public KeyAttributes withAlgorithms(String... names) {
        return new KeyAttributes(name, type, uses, List.of(names), validFrom, validUntil, flags);
    }

    /** The same, whose private half is not used before this moment. */
    public KeyAttributes validFrom(Instant moment) {
        return new KeyAttributes(name, type, uses, algorithms, Objects.requireNonNull(moment),
            validUntil, flags);
    }

    /** The same, whose private half is not used any more from this moment on. */
    public KeyAttributes validUntil(Instant moment) {
        return new KeyAttributes(name, type, uses, algorithms, validFrom,
            Objects.requireNonNull(moment), flags);
    }

    /** The same, of which each use of the private half wants an approval. */
    public KeyAttributes needingApproval() {
        return with(NEEDS_APPROVAL);
    }

    /** The same, which leaves the service only encrypted with a trusted key. */
    public KeyAttributes wrappedWithTrustedOnly() {
        return with(WRAP_WITH_TRUSTED_ONLY);
    }

    /** The same, but the service may give the key out in wrapped form. */
    public KeyAttributes asExportable() {
        return with(EXPORTABLE);
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
        return (flags & EXPORTABLE) != 0;
    }

    /** What it may be used with; empty means all that its type has. */
    public List<String> algorithms() {
        return algorithms;
    }

    /** From when its private half may be used; null for at once. */
    public Instant validFrom() {
        return validFrom;
    }

    /** Until when its private half may be used; null for without end. */
    public Instant validUntil() {
        return validUntil;
    }

    /** Whether each use of its private half wants an approval. */
    public boolean needsApproval() {
        return (flags & NEEDS_APPROVAL) != 0;
    }

    /** Whether it leaves the service only encrypted with a trusted key. */
    public boolean wrapWithTrustedOnly() {
        return (flags & WRAP_WITH_TRUSTED_ONLY) != 0;
    }

    /** All but the type, for the native library. */
    byte[] encoded() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        try {
            write(out, name);
            out.writeInt(KeyRight.bits(uses));
            out.writeByte(flags);
            out.writeLong(seconds(validFrom));
            out.writeLong(seconds(validUntil));
            out.writeInt(algorithms.size());
            for (String algorithm : algorithms) {
                write(out, algorithm);
            }
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        return bytes.toByteArray();
    }

    private KeyAttributes with(int flag) {
        return new KeyAttributes(name, type, uses, algorithms, validFrom, validUntil,
            flags | flag);
    }

    /** In seconds since 1970, where 0 is no bound; what was before that is as long past as can be. */
    private static long seconds(Instant moment) {
        return moment == null ? 0 : Math.max(1, moment.getEpochSecond());
    }

    private static void write(DataOutputStream out, String text) throws IOException {
        byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(encoded.length);
        out.write(encoded);
    }
}
