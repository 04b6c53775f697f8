package dev.keyward.jce;

import java.security.PublicKey;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.TimeUnit;
import java.security.cert.Certificate;

/**
 * The caller's keys in the service by alias, live: what was read within the last two seconds is
 * used again, so that a caller who goes through all entries, as JSSE does, makes one request and
 * not one for each.
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
                entries.add(new Entry(key));
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
        try {
            Entry entry = new Entry(client.find(alias));
            if (!filter.admits(alias, entry.info())) {
                return Optional.empty();
            }
            known.put(alias, entry);
            return Optional.of(entry);
        } catch (KeywardException failure) {
            // What is no possible name is no entry's alias.
            if (failure.kind() == ErrorKind.NOT_FOUND
                    || failure.kind() == ErrorKind.INVALID_ARGUMENT) {
                return Optional.empty();
            }
            throw failure;
        }
    }

    /** Whether entries of this alias are to be seen here. */
    boolean admits(String alias) {
        return filter.admits(alias);
    }

    /** After a change. */
    void forgetAll() {
        known.clear();
    }

    /** The alias of a key: its name; for one that another user shares, the owner before it. */
    String alias(KeyInfo key) {
        return key.owner().equals(user) ? key.name() : key.owner() + "/" + key.name();
    }

    /** One key with its certificates; both are decoded when asked for. */
    final class Entry {
        private final KeyInfo info;
        private final long readAt = System.nanoTime();
        private volatile PublicKey publicKey;
        private volatile List<Certificate> chain;

        Entry(KeyInfo info) {
            this.info = info;
        }

        String alias() {
            return Entries.this.alias(info);
        }

        KeyInfo info() {
            return info;
        }

        Date created() {
            return info.created();
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

        /** The certificates, the key's own first; empty when none are kept. */
        List<Certificate> chain() {
            if (chain == null) {
                chain = Certificates.decode(info);
            }
            return chain;
        }

        private boolean isFresh() {
            return System.nanoTime() - readAt < FRESH_NANOS;
        }
    }
}
