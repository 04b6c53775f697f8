package dev.keyward.jce;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.KeyStore;
import java.security.KeyStoreException;
import java.security.KeyStoreSpi;
import java.security.PrivateKey;
import java.security.ProviderException;
import java.security.PublicKey;
import java.security.UnrecoverableKeyException;
import java.security.cert.Certificate;
import java.security.cert.CertificateEncodingException;
import java.util.Collections;
import java.util.Date;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.crypto.SecretKey;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.PasswordCallback;
import javax.security.auth.callback.UnsupportedCallbackException;

/**
 * The KeyStore "Keyward": the caller's keys in the service, with the certificates kept beside them,
 * and certificates kept without a key. Nothing is stored here; entries come and go live. The
 * password is the user's PIN where the service asks for one and the settings name no file with it.
 * Elsewhere passwords are accepted and mean nothing, since the service knows its callers by other
 * means.
 *
 * <p>It is loaded from nothing, or from a small text file for frameworks that insist on one:
 * <pre>
 * # Keyward key store
 * address = "unix:/run/keyward/hsm.sock"
 * aliases = "web, api-*"
 * types = "p-*, certificate"
 * </pre>
 */
final class KeywardKeyStore extends KeyStoreSpi {
    private static final String FILE_HEAD = "# Keyward key store";
    private static final int FILE_BYTES_MAX = 65536;

    private final ServiceClient ofProvider;
    private final boolean imports;
    private byte[] file = (FILE_HEAD + "\n").getBytes(StandardCharsets.UTF_8);
    private Entries entries;

    /**
     * A KeyStore of a provider.
     *
     * @param imports whether keys of other providers are taken into the service without more ado
     */
    KeywardKeyStore(ServiceClient ofProvider, boolean imports) {
        this.ofProvider = ofProvider;
        this.imports = imports;
    }

    @Override
    public void engineLoad(InputStream stream, char[] password) throws IOException {
        entries = stream == null
            ? open(ofProvider, KeyFilter.all(), password) : ofFile(stream, password);
    }

    @Override
    public void engineLoad(KeyStore.LoadStoreParameter parameter) throws IOException {
        KeyFilter filter = parameter instanceof KeyFilter own ? own : KeyFilter.all();
        char[] password = parameter == null ? null : password(parameter.getProtectionParameter());
        entries = open(ofProvider, filter, password);
    }

    /** Asks for the password only where it is wanted. */
    private char[] password(KeyStore.ProtectionParameter protection) throws IOException {
        if (protection instanceof KeyStore.PasswordProtection given) {
            return given.getPassword();
        }
        if (!(protection instanceof KeyStore.CallbackHandlerProtection asked)) {
            return null;
        }
        PasswordCallback callback = new PasswordCallback("Keyward PIN: ", false);
        try {
            if (!ofProvider.asksForPin()) {
                return null;
            }
            asked.getCallbackHandler().handle(new Callback[] {callback});
            return callback.getPassword();
        } catch (KeywardException failure) {
            throw Failures.load(failure);
        } catch (UnsupportedCallbackException failure) {
            throw new IOException("the callback handler does not ask for the PIN", failure);
        } finally {
            callback.clearPassword();
        }
    }

    private static Entries open(ServiceClient client, KeyFilter filter, char[] password)
            throws IOException {
        if (password != null && password.length > 0) {
            try {
                client.logIn(password);
            } catch (KeywardException failure) {
                throw Failures.login(failure);
            }
        }
        try {
            return new Entries(client, filter);
        } catch (KeywardException failure) {
            throw Failures.load(failure);
        }
    }

    private Entries ofFile(InputStream stream, char[] password) throws IOException {
        byte[] bytes = stream.readNBytes(FILE_BYTES_MAX + 1);
        if (bytes.length > FILE_BYTES_MAX) {
            throw new IOException("this is no Keyward key store file: it is too long");
        }
        Map<String, String> settings = new HashMap<>(ofProvider.settings());
        settings.putAll(Settings.ofStream(new ByteArrayInputStream(bytes), "key store file"));
        KeyFilter filter = KeyFilter.ofLists(settings.remove("aliases"), settings.remove("types"));
        file = bytes;
        ServiceClient client = settings.equals(ofProvider.settings())
            ? ofProvider : new ServiceClient(settings);
        return open(client, filter, password);
    }

    @Override
    public boolean engineProbe(InputStream stream) throws IOException {
        byte[] head = stream.readNBytes(FILE_HEAD.length());
        return new String(head, StandardCharsets.UTF_8).equals(FILE_HEAD);
    }

    /** There is nothing to store: the service has it already. A file keeps its settings. */
    @Override
    public void engineStore(OutputStream stream, char[] password) throws IOException {
        if (stream != null) {
            stream.write(file);
        }
    }

    @Override
    public void engineStore(KeyStore.LoadStoreParameter parameter) {}

    @Override
    public Enumeration<String> engineAliases() {
        return Collections.enumeration(all().stream().map(Entries.Entry::alias).toList());
    }

    @Override
    public int engineSize() {
        return all().size();
    }

    @Override
    public boolean engineContainsAlias(String alias) {
        return get(alias).isPresent();
    }

    @Override
    public boolean engineIsKeyEntry(String alias) {
        return usable(alias).isPresent();
    }

    /**
     * What the caller has put there as such, and nothing else: a certificate beside a key that
     * another user shares is that user's choice, and nobody is to trust it for that.
     */
    @Override
    public boolean engineIsCertificateEntry(String alias) {
        return get(alias).filter(entry -> entry instanceof Entries.CertificateEntry).isPresent();
    }

    @Override
    public Key engineGetKey(String alias, char[] password) throws UnrecoverableKeyException {
        Optional<Entries.Entry> entry;
        try {
            entry = loaded().get(alias);
        } catch (KeywardException failure) {
            throw Failures.unrecoverable(failure);
        }
        if (entry.isEmpty() || !(entry.get() instanceof Entries.KeyEntry key)) {
            return null;
        }
        if (!key.isUsable()) {
            throw new UnrecoverableKeyException("this caller may see key \"" + key.info()
                + "\" but not use it; its owner grants that with \"keyward key share\"");
        }
        return key.key();
    }

    @Override
    public Certificate[] engineGetCertificateChain(String alias) {
        return usable(alias).map(Entries.Entry::chain).filter(chain -> !chain.isEmpty())
            .map(chain -> chain.toArray(new Certificate[0])).orElse(null);
    }

    @Override
    public Certificate engineGetCertificate(String alias) {
        return get(alias).map(Entries.Entry::chain).filter(chain -> !chain.isEmpty())
            .map(chain -> chain.get(0)).orElse(null);
    }

    @Override
    public String engineGetCertificateAlias(Certificate certificate) {
        return all().stream()
            .filter(entry -> !entry.chain().isEmpty()
                && entry.chain().get(0).equals(certificate))
            .map(Entries.Entry::alias).findFirst().orElse(null);
    }

    @Override
    public Date engineGetCreationDate(String alias) {
        return get(alias).map(entry -> (Date) entry.created().clone()).orElse(null);
    }

    /** The default takes a private key without a certificate for a secret key. */
    @Override
    public boolean engineEntryInstanceOf(String alias, Class<? extends KeyStore.Entry> kind) {
        return get(alias).filter(entry -> kind == kindOf(entry)).isPresent();
    }

    private static Class<? extends KeyStore.Entry> kindOf(Entries.Entry entry) {
        if (!(entry instanceof Entries.KeyEntry key)) {
            return KeyStore.TrustedCertificateEntry.class;
        }
        if (!key.isUsable()) {
            return null;
        }
        if (key.info().secretKind() != null) {
            return KeyStore.SecretKeyEntry.class;
        }
        return key.chain().isEmpty() ? null : KeyStore.PrivateKeyEntry.class;
    }

    /** As the default does, but no entry wants a password. */
    @Override
    public KeyStore.Entry engineGetEntry(String alias, KeyStore.ProtectionParameter protection)
            throws UnrecoverableKeyException {
        if (engineIsCertificateEntry(alias)) {
            return new KeyStore.TrustedCertificateEntry(engineGetCertificate(alias));
        }
        Key key = engineGetKey(alias, null);
        if (key instanceof SecretKey secret) {
            return new KeyStore.SecretKeyEntry(secret);
        }
        Certificate[] chain = engineGetCertificateChain(alias);
        if (key == null || chain == null) {
            return null;
        }
        try {
            return new KeyStore.PrivateKeyEntry((PrivateKey) key, chain);
        } catch (IllegalArgumentException unlike) {
            // A Java that does not know the algorithm has other names for it in certificates.
            UnrecoverableKeyException failure = new UnrecoverableKeyException("this Java cannot"
                + " make an entry of key \"" + alias + "\": " + unlike.getMessage()
                + " (getKey and getCertificateChain give both)");
            failure.initCause(unlike);
            throw failure;
        }
    }

    /** As the default does, but no entry wants a password; {@link KeyAttributes} ask to import. */
    @Override
    public void engineSetEntry(String alias, KeyStore.Entry entry,
            KeyStore.ProtectionParameter protection) throws KeyStoreException {
        if (entry instanceof KeyStore.PrivateKeyEntry key
                && protection instanceof KeyAttributes attributes) {
            importKey(alias, key.getPrivateKey(), key.getCertificateChain(), attributes);
        } else if (entry instanceof KeyStore.PrivateKeyEntry key) {
            engineSetKeyEntry(alias, key.getPrivateKey(), null, key.getCertificateChain());
        } else if (entry instanceof KeyStore.SecretKeyEntry secret
                && protection instanceof KeyAttributes attributes) {
            importSecret(alias, secret.getSecretKey(), attributes);
        } else if (entry instanceof KeyStore.SecretKeyEntry secret) {
            engineSetKeyEntry(alias, secret.getSecretKey(), null, null);
        } else if (entry instanceof KeyStore.TrustedCertificateEntry trusted) {
            engineSetCertificateEntry(alias, trusted.getTrustedCertificate());
        } else {
            throw new KeyStoreException("Keyward keeps no entries of the kind of " + entry);
        }
    }

    /**
     * Gives a key of the service this alias as its name, and keeps the chain beside it. The key may
     * come from a generator of this provider or from another entry.
     */
    @Override
    public void engineSetKeyEntry(String alias, Key key, char[] password, Certificate[] chain)
            throws KeyStoreException {
        if (key instanceof PrivateKey foreign && !(key instanceof ServiceKey) && imports) {
            importKey(alias, foreign, chain, KeyAttributes.named(alias));
            return;
        }
        if (key instanceof SecretKey foreign && !(key instanceof ServiceKey) && imports) {
            importSecret(alias, foreign, KeyAttributes.named(alias));
            return;
        }
        if (!(key instanceof ServiceKey serviceKey)) {
            throw new KeyStoreException("the key for \"" + alias + "\" was not made in the Keyward"
                + " service: make it there (keytool -genkeypair with -providerName Keyward, or"
                + " \"keyward key generate\"), or say that it is to be imported (the provider's"
                + " argument \"import=yes\", in programs KeyAttributes; \"keyward key import\")");
        }
        Entries entries = loaded();
        if (!serviceKey.client().isLike(entries.client())) {
            throw new KeyStoreException("this key is in another Keyward service");
        }
        if (!entries.admits(alias)) {
            throw new KeyStoreException("the KeyStore's filter does not admit " + alias);
        }
        checkChain(serviceKey, chain);
        try {
            KeyInfo info = entries.client().find("id=" + serviceKey.keyId());
            if (!entries.alias(info).equals(alias)) {
                info = entries.client().rename(info, alias);
            }
            if (chain != null && chain.length > 0) {
                entries.client().setChain(info, chain);
            }
        } catch (KeywardException failure) {
            throw Failures.keyStore(failure);
        } catch (CertificateEncodingException failure) {
            throw new KeyStoreException("the certificates cannot be encoded", failure);
        } finally {
            entries.forgetAll();
        }
    }

    /** What takes a key into the service. */
    private interface Import {
        void into(ServiceClient client)
            throws KeywardException, InvalidKeyException, KeyStoreException;
    }

    private void importKey(String alias, PrivateKey key, Certificate[] chain,
            KeyAttributes attributes) throws KeyStoreException {
        importKey(alias, key, attributes, client -> KeyImport.into(client,
            new KeyImportSpec(key, attributes, chain == null ? new Certificate[0] : chain)));
    }

    private void importSecret(String alias, SecretKey key, KeyAttributes attributes)
            throws KeyStoreException {
        importKey(alias, key, attributes, client -> {
            AlgorithmTable.SecretKind kind = SecretKeyImport.kindOf(key.getAlgorithm());
            if (kind == null) {
                throw new KeyStoreException("Keyward keeps AES keys and keys for HMAC, not "
                    + key.getAlgorithm());
            }
            SecretKeyImport.into(client, kind, new SecretKeyImportSpec(key, attributes));
        });
    }

    private void importKey(String alias, Key key, KeyAttributes attributes, Import work)
            throws KeyStoreException {
        Entries entries = loaded();
        if (key instanceof ServiceKey) {
            throw new KeyStoreException("the key for \"" + alias + "\" is in the service already:"
                + " set it without KeyAttributes");
        }
        if (!attributes.name().equals(alias)) {
            throw new KeyStoreException("the key is to be called \"" + attributes.name()
                + "\" and the alias is \"" + alias + "\": they are the same thing here");
        }
        if (!entries.admits(alias)) {
            throw new KeyStoreException("the KeyStore's filter does not admit " + alias);
        }
        try {
            work.into(entries.client());
        } catch (KeywardException failure) {
            throw Failures.keyStore(failure);
        } catch (InvalidKeyException failure) {
            throw new KeyStoreException(failure.getMessage(), failure);
        } finally {
            entries.forgetAll();
        }
    }

    private static void checkChain(ServiceKey key, Certificate[] chain) throws KeyStoreException {
        if (chain == null || chain.length == 0) {
            return;
        }
        PublicKey expected = key instanceof KeywardPrivateKey pair ? pair.publicKey() : null;
        if (key instanceof SecretKey
                || expected != null && !chain[0].getPublicKey().equals(expected)) {
            throw new KeyStoreException("the first certificate is not that of " + key);
        }
    }

    @Override
    public void engineSetKeyEntry(String alias, byte[] key, Certificate[] chain)
            throws KeyStoreException {
        throw new KeyStoreException("Keyward takes no protected keys from Java: bring \"" + alias
            + "\" in with \"keyward key import " + alias + " --in FILE\"");
    }

    /** Keeps a certificate in the service without a key, in place of another one of this alias. */
    @Override
    public void engineSetCertificateEntry(String alias, Certificate certificate)
            throws KeyStoreException {
        Entries entries = loaded();
        if (!entries.admitsCertificate(alias)) {
            throw new KeyStoreException("the KeyStore's filter does not admit a certificate "
                + alias);
        }
        try {
            entries.client().putCertificate(alias, certificate);
        } catch (KeywardException failure) {
            throw Failures.keyStore(failure);
        } catch (CertificateEncodingException failure) {
            throw new KeyStoreException("the certificate cannot be encoded", failure);
        } finally {
            entries.forgetAll();
        }
    }

    /**
     * Deletes the key or certificate in the service. An alias that is not there is no error, as
     * elsewhere.
     */
    @Override
    public void engineDeleteEntry(String alias) throws KeyStoreException {
        Entries entries = loaded();
        try {
            Optional<Entries.Entry> found = entries.read(alias);
            // A bare name may also mean another user's key: that one is not this alias.
            if (found.isEmpty() || !found.get().alias().equals(alias)) {
                return;
            }
            if (found.get() instanceof Entries.KeyEntry key) {
                entries.client().delete(key.info());
            } else {
                entries.client().deleteCertificate(alias);
            }
        } catch (KeywardException failure) {
            throw Failures.keyStore(failure);
        } finally {
            entries.forgetAll();
        }
    }

    private List<Entries.Entry> all() {
        try {
            return loaded().all();
        } catch (KeywardException failure) {
            throw Failures.provider(failure);
        }
    }

    private Optional<Entries.Entry> get(String alias) {
        try {
            return loaded().get(alias);
        } catch (KeywardException failure) {
            throw Failures.provider(failure);
        }
    }

    /** The key of this alias, if the caller may use it. */
    private Optional<Entries.KeyEntry> usable(String alias) {
        return get(alias).filter(Entries.KeyEntry.class::isInstance)
            .map(Entries.KeyEntry.class::cast).filter(Entries.KeyEntry::isUsable);
    }

    /** KeyStore itself refuses calls before load. */
    private Entries loaded() {
        if (entries == null) {
            throw new ProviderException("the KeyStore has not been loaded");
        }
        return entries;
    }
}
