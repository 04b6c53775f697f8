package dev.keyward.jce;

import java.security.PublicKey;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.TimeUnit;

/**
 * What a KeyStore shows of the service, by alias: keys, and certificates that are kept without one.
 * It is live: what was read within the last two seconds is used again, so that a caller who goes
 * through all entries, as JSSE does, makes one request of each kind and not one for each entry.
 */
final class Entries {
    private static final long FRESH_NANOS = TimeUnit.SECONDS.toNanos(2);

    private final ServiceClient client;
    private final KeyFilter filter;
    private final String user;
    private final ConcurrentMap<String, Entry> known = new ConcurrentHashMap<>();

    /** Asks the service who the caller is. */
    Entries(ServiceClient client, KeyFilter filter) throws KeywardException {
        this.client = client;
        this.filter = filter;
        this.user = client.whoAmI();
    }

    ServiceClient client() {
        return client;
    }

    /** Asks the service for all entries. */
    List<Entry> all() throws KeywardException {
        List<Entry> entries = new ArrayList<>();
        for (KeyInfo key : client.list()) {
            if (filter.admits(alias(key), key)) {
                entries.add(new KeyEntry(alias(key), key));
            }
        }
        for (KeptCertificate certificate : client.certificates()) {
            if (filter.admits(certificate)) {
                entries.add(new CertificateEntry(certificate));
            }
        }
        known.clear();
        entries.forEach(entry -> known.put(entry.alias(), entry));
        return entries;
    }

    /** The entry of this alias, asked from the service if it was not read just now. */
    Optional<Entry> get(String alias) throws KeywardException {
        Entry entry = known.get(alias);
        return entry != null && entry.isFresh() ? Optional.of(entry) : read(alias);
    }

    /** The entry of this alias, asked from the service. */
    Optional<Entry> read(String alias) throws KeywardException {
        known.remove(alias);
        if (!filter.admits(alias)) {
            return Optional.empty();
        }
        Optional<Entry> found = found(alias);
        found.ifPresent(entry -> known.put(alias, entry));
        return found;
    }

    /**
     * A bare name also means another user's key, where that is the only one. It does not hide the
     * caller's own certificate of the name.
     */
    private Optional<Entry> found(String alias) throws KeywardException {
        Optional<KeyInfo> key = ifThere(() -> client.find(alias));
        if (key.isEmpty() || !alias(key.get()).equals(alias)) {
            Optional<KeptCertificate> certificate = ifThere(() -> client.certificate(alias));
            if (certificate.isPresent()) {
                return certificate.filter(filter::admits).map(CertificateEntry::new);
            }
        }
        return key.filter(info -> filter.admits(alias, info))
            .map(info -> new KeyEntry(alias(info), info));
    }

    private static <T> Optional<T> ifThere(Blocking.Call<T> look) throws KeywardException {
        try {
            return Optional.of(look.run());
        } catch (KeywardException failure) {
            return switch (failure.kind()) {
                // What is no possible name is no entry's alias. An older service keeps no
                // certificates without keys.
                case NOT_FOUND, INVALID_ARGUMENT, UNSUPPORTED -> Optional.empty();
                default -> throw failure;
            };
        }
    }

    /** Whether entries of this alias are to be seen here. */
    boolean admits(String alias) {
        return filter.admits(alias);
    }

    /** Whether a certificate without a key would be seen here under this alias. */
    boolean admitsCertificate(String alias) {
        return filter.admitsCertificate(alias, user);
    }

    /** After a change. */
    void forgetAll() {
        known.clear();
    }

    /** The alias of a key: its name; for one that another user shares, the owner before it. */
    String alias(KeyInfo key) {
        return key.owner().equals(user) ? key.name() : key.owner() + "/" + key.name();
    }

    /** One entry; certificates are decoded when asked for. */
    abstract static sealed class Entry permits KeyEntry, CertificateEntry {
        private final long readAt = System.nanoTime();
        private final String alias;
        private volatile List<Certificate> chain;

        Entry(String alias) {
            this.alias = alias;
        }

        String alias() {
            return alias;
        }

        abstract Date created();

        /** The certificates, a key's own first; empty when none are kept. */
        final List<Certificate> chain() {
            if (chain == null) {
                chain = decoded();
            }
            return chain;
        }

        abstract List<Certificate> decoded();

        private boolean isFresh() {
            return System.nanoTime() - readAt < FRESH_NANOS;
        }
    }

    /** A key with its certificates. */
    final class KeyEntry extends Entry {
        private final KeyInfo info;
        private volatile PublicKey publicKey;

        KeyEntry(String alias, KeyInfo info) {
            super(alias);
            this.info = info;
        }

        KeyInfo info() {
            return info;
        }

        @Override
        Date created() {
            return info.created();
        }

        @Override
        List<Certificate> decoded() {
            return Certificates.decode(info);
        }

        /** Whether the caller may use the key for anything, and not only see it. */
        boolean isUsable() {
            return !info.uses().isEmpty();
        }

        /** A key object of its own for each caller, who may destroy it. */
        ServiceKey key() {
            if (info.secretKind() != null) {
                return ServiceSecretKey.of(client, info);
            }
            if (publicKey == null) {
                publicKey = PublicKeys.of(info);
            }
            return ServicePrivateKey.of(client, info, publicKey);
        }
    }

    /** A certificate without a key: what Java calls a trusted certificate. */
    static final class CertificateEntry extends Entry {
        private final KeptCertificate kept;

        CertificateEntry(KeptCertificate kept) {
            super(kept.name());
            this.kept = kept;
        }

        @Override
        Date created() {
            return kept.created();
        }

        @Override
        List<Certificate> decoded() {
            return List.of(Certificates.decode(kept));
        }
    }
}
