package dev.keyward.jce;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
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
import java.util.function.Consumer;

/**
 * What a new key in the service is to be, and what a key there is ({@link KeywardKey#attributes}): its
 * name, its type, its uses, and what those are held to. Of all but the name, later only something can
 * be taken away ({@code keyward key restrict}). The key's identifier is the service's to give.
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
 * <p>A key that is to do one thing, until a day and so often:
 * <pre>{@code
 * KeyAttributes.named("web").ofType("p-256").withAlgorithms("SHA256withECDSA")
 *     .validUntil(Instant.parse("2027-01-31T00:00:00Z")).maxUses(500).maxRate("10/minute");
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
    private final long maxUses;
    private final String maxRate;
    private final Set<KeyRight> childUses;
    private final int flags;

    /** What differs in the next object. */
    private static final class Draft {
        private String name;
        private String type;
        private Set<KeyRight> uses = Set.of();
        private List<String> algorithms = List.of();
        private Instant validFrom;
        private Instant validUntil;
        private long maxUses;
        private String maxRate;
        private Set<KeyRight> childUses = Set.of();
        private int flags;
    }

    private KeyAttributes(Draft draft) {
        name = draft.name;
        type = draft.type;
        uses = draft.uses;
        algorithms = draft.algorithms;
        validFrom = draft.validFrom;
        validUntil = draft.validUntil;
        maxUses = draft.maxUses;
        maxRate = draft.maxRate;
        childUses = draft.childUses;
        flags = draft.flags;
    }

    private KeyAttributes with(Consumer<Draft> change) {
        Draft draft = new Draft();
        draft.name = name;
        draft.type = type;
        draft.uses = uses;
        draft.algorithms = algorithms;
        draft.validFrom = validFrom;
        draft.validUntil = validUntil;
        draft.maxUses = maxUses;
        draft.maxRate = maxRate;
        draft.childUses = childUses;
        draft.flags = flags;
        change.accept(draft);
        return new KeyAttributes(draft);
    }

    /**
     * A key of this name, of the type that the generator makes unless told otherwise, with the uses
     * that are usual for its type.
     *
     * @param name unique among the caller's keys: 1 to 128 of letters, digits, {@code .}, {@code _}
     *     and {@code -}
     */
    public static KeyAttributes named(String name) {
        Draft draft = new Draft();
        draft.name = Objects.requireNonNull(name);
        return new KeyAttributes(draft);
    }

    /**
     * The same of this type.
     *
     * @param type Keyward's name of the type: {@code rsa-2048}, {@code p-256}, {@code ed25519}
     */
    public KeyAttributes ofType(String type) {
        return with(draft -> draft.type = Objects.requireNonNull(type));
    }

    /** The same with these uses and no others. */
    public KeyAttributes withUses(KeyRight first, KeyRight... more) {
        return with(draft -> draft.uses = set(first, more));
    }

    /**
     * The same, used with these algorithms and no others.
     *
     * @param names Java's or Keyward's: {@code SHA256withECDSA}, {@code rsa-pss-sha256}
     */
    public KeyAttributes withAlgorithms(String... names) {
        return with(draft -> draft.algorithms = List.of(names));
    }

    /** The same, whose private half is not used before this moment. */
    public KeyAttributes validFrom(Instant moment) {
        return with(draft -> draft.validFrom = Objects.requireNonNull(moment));
    }

    /** The same, whose private half is not used any more from this moment on. */
    public KeyAttributes validUntil(Instant moment) {
        return with(draft -> draft.validUntil = Objects.requireNonNull(moment));
    }

    /**
     * The same, whose private half is used so often in all: then each use is refused as {@link
     * ErrorKind#LIMIT_EXCEEDED}.
     *
     * @param uses at least 1
     * @throws IllegalArgumentException for less
     */
    public KeyAttributes maxUses(long uses) {
        if (uses < 1) {
            throw new IllegalArgumentException("a key has at least one use, not " + uses);
        }
        return with(draft -> draft.maxUses = uses);
    }

    /**
     * The same, whose private half is used so often within a time. A use too many waits, where the
     * setting {@code retry_for} allows it, and else is refused as {@link ErrorKind#BUSY}.
     *
     * @param rate uses within a second, a minute or an hour: {@code 10/second}, {@code 100/minute},
     *     {@code 1000/hour}. Anything else is refused when the key is made
     */
    public KeyAttributes maxRate(String rate) {
        return with(draft -> draft.maxRate = Objects.requireNonNull(rate));
    }

    /** The same; keys that are unwrapped or derived with it have no other uses than these. */
    public KeyAttributes withChildUses(KeyRight first, KeyRight... more) {
        return with(draft -> draft.childUses = set(first, more));
    }

    private static Set<KeyRight> set(KeyRight first, KeyRight... more) {
        return Collections.unmodifiableSet(EnumSet.of(first, more));
    }

    /** The same, of which each use of the private half wants an approval. */
    public KeyAttributes needingApproval() {
        return with(draft -> draft.flags |= NEEDS_APPROVAL);
    }

    /** The same, which leaves the service only encrypted with a trusted key. */
    public KeyAttributes wrappedWithTrustedOnly() {
        return with(draft -> draft.flags |= WRAP_WITH_TRUSTED_ONLY);
    }

    /** The same, but the service may give the key out in wrapped form. */
    public KeyAttributes asExportable() {
        return with(draft -> draft.flags |= EXPORTABLE);
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

    /** How often its private half may be used in all; 0 for without end. */
    public long maxUses() {
        return maxUses;
    }

    /** How often its private half may be used within a time, {@code 10/second}; null for without end. */
    public String maxRate() {
        return maxRate;
    }

    /** What keys are used for at most that come of it; empty means all that their types have. */
    public Set<KeyRight> childUses() {
        return childUses;
    }

    /** Whether each use of its private half wants an approval. */
    public boolean needsApproval() {
        return (flags & NEEDS_APPROVAL) != 0;
    }

    /** Whether it leaves the service only encrypted with a trusted key. */
    public boolean wrapWithTrustedOnly() {
        return (flags & WRAP_WITH_TRUSTED_ONLY) != 0;
    }

    /** Those of a key of this type, as the native library writes them. */
    static KeyAttributes read(DataInputStream in, String type) throws IOException {
        Draft draft = new Draft();
        draft.type = type;
        draft.name = Encoded.string(in);
        draft.uses = KeyRight.ofBits(in.readInt());
        draft.flags = in.readUnsignedByte();
        draft.validFrom = moment(in.readLong());
        draft.validUntil = moment(in.readLong());
        draft.maxUses = in.readLong();
        String rate = Encoded.string(in);
        draft.maxRate = rate.isEmpty() ? null : rate;
        draft.childUses = KeyRight.ofBits(in.readInt());
        draft.algorithms = List.copyOf(Encoded.list(in, Encoded::string));
        return new KeyAttributes(draft);
    }

    private static Instant moment(long seconds) {
        return seconds == 0 ? null : Instant.ofEpochSecond(seconds);
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
            out.writeLong(maxUses);
            write(out, maxRate == null ? "" : maxRate);
            out.writeInt(KeyRight.bits(childUses));
            out.writeInt(algorithms.size());
            for (String algorithm : algorithms) {
                write(out, algorithm);
            }
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        return bytes.toByteArray();
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
