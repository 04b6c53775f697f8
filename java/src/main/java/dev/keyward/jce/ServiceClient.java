package dev.keyward.jce;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.security.cert.Certificate;
import java.security.cert.CertificateEncodingException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A client of the service: what the native library does, as Java wants it. It loads the library
 * and makes the native client at its first call, and drops it when closed or no longer reachable.
 */
final class ServiceClient {
    private static final Cleaner CLEANER = Cleaner.create();

    private final Map<String, String> settings;
    private final ReentrantLock opening = new ReentrantLock();
    private volatile Handle handle;
    private volatile boolean closed;
    private Cleaner.Cleanable cleanable;

    /**
     * A client with these settings over those of the file and the environment.
     */
    ServiceClient(Map<String, String> settings) {
        this.settings = Map.copyOf(settings);
    }

    /** What is set over file and environment. */
    Map<String, String> settings() {
        return settings;
    }

    /** Whether both ask the same service with the same settings; approvals come and go. */
    boolean isLike(ServiceClient other) {
        return lasting(settings).equals(lasting(other.settings));
    }

    private static Map<String, String> lasting(Map<String, String> settings) {
        Map<String, String> lasting = new HashMap<>(settings);
        lasting.remove("approval");
        return lasting;
    }

    /** The name of the user that the service takes the caller for. */
    String whoAmI() throws KeywardException {
        return call(Native::whoAmI);
    }

    /** Whether a person or the program has to give a PIN. */
    boolean asksForPin() throws KeywardException {
        return call(Native::asksForPin);
    }

    /** Logs in with a PIN, which is not changed. Where none is asked for, it is sent nowhere. */
    void logIn(char[] pin) throws KeywardException {
        ByteBuffer encoded = StandardCharsets.UTF_8.encode(CharBuffer.wrap(pin));
        byte[] bytes = Arrays.copyOf(encoded.array(), encoded.limit());
        try {
            call(client -> {
                Native.logIn(client, bytes);
                return null;
            });
        } finally {
            Arrays.fill(encoded.array(), (byte) 0);
            Arrays.fill(bytes, (byte) 0);
        }
    }

    /** The key of this alias: a name, or owner and name with a slash between. */
    KeyInfo find(String alias) throws KeywardException {
        return KeyInfo.read(call(client -> Native.find(client, "keyward:" + alias)));
    }

    /** All keys that the caller may see. */
    List<KeyInfo> list() throws KeywardException {
        return KeyInfo.readAll(call(Native::list));
    }

    /** Signs a digest, or a message where the scheme takes one. */
    byte[] sign(KeyInfo key, AlgorithmTable.Scheme scheme, AlgorithmTable.Digest digest,
            PssParameters pss, boolean deterministic, byte[] input) throws KeywardException {
        int mgf1 = pss == null ? 0 : pss.mgf1().code;
        int saltBytes = pss == null ? 0 : pss.saltBytes();
        return call(client -> Native.sign(client, key.id(), scheme.code, code(digest), mgf1,
            saltBytes, deterministic, input));
    }

    /** Decrypts; OAEP has its choices, other paddings null. */
    byte[] decrypt(KeyInfo key, AlgorithmTable.Encryption scheme, OaepParameters oaep,
            byte[] input) throws KeywardException {
        return call(client -> Native.decrypt(client, key.id(), scheme.code, digest(oaep),
            mgf1(oaep), label(oaep), input));
    }

    /** Agrees on a secret with the owner of a public key. */
    byte[] derive(KeyInfo key, byte[] peer) throws KeywardException {
        return call(client -> Native.derive(client, key.id(), peer));
    }

    /** Takes the secret out of a ciphertext of ML-KEM. */
    byte[] decapsulate(KeyInfo key, byte[] ciphertext) throws KeywardException {
        return call(client -> Native.decapsulate(client, key.id(), ciphertext));
    }

    /** Encrypts: the initialisation vector, and behind it the ciphertext. */
    byte[] encipher(KeyInfo key, AlgorithmTable.SymmetricCipher cipher, byte[] iv, byte[] aad,
            int tagBytes, byte[] input) throws KeywardException {
        return call(client -> Native.encipher(client, key.id(), cipher.code, iv, aad, tagBytes,
            input));
    }

    /** Decrypts with a secret key. */
    byte[] decipher(KeyInfo key, AlgorithmTable.SymmetricCipher cipher, byte[] iv, byte[] aad,
            int tagBytes, byte[] input) throws KeywardException {
        return call(client -> Native.decipher(client, key.id(), cipher.code, iv, aad, tagBytes,
            input));
    }

    /** Makes a message authentication code. */
    byte[] mac(KeyInfo key, AlgorithmTable.Mac mac, byte[] message) throws KeywardException {
        return call(client -> Native.mac(client, key.id(), mac.code, message));
    }

    /** Random bytes of the service's generator. */
    byte[] random(int length) throws KeywardException {
        return call(client -> Native.random(client, length));
    }

    /** Makes a key of this type; what the attributes say of the type does not count. */
    KeyInfo generate(KeyAttributes wanted, String type) throws KeywardException {
        byte[] attributes = wanted.encoded();
        return KeyInfo.read(call(client -> Native.generate(client, type, attributes)));
    }

    /** Takes in a key that was made elsewhere. */
    KeyInfo importKey(KeyAttributes wanted, byte[] pkcs8, Certificate[] chain)
            throws KeywardException, CertificateEncodingException {
        byte[][] certificates = encoded(chain);
        byte[] attributes = wanted.encoded();
        return KeyInfo.read(call(client ->
            Native.importKey(client, attributes, pkcs8, certificates)));
    }

    /** Takes in a secret key of this type that was made elsewhere. */
    KeyInfo importSecret(KeyAttributes wanted, String type, byte[] secret)
            throws KeywardException {
        byte[] attributes = wanted.encoded();
        return KeyInfo.read(call(client ->
            Native.importSecret(client, type, attributes, secret)));
    }

    /** Gives a key out, encrypted with another one or to a public key (DER): one of them is null. */
    byte[] wrap(KeyInfo key, KeyWrapping way, byte[] withId, byte[] toSpki)
            throws KeywardException {
        return call(client -> Native.wrap(client, key.id(), way.wrapping().code,
            digest(way.oaep()), mgf1(way.oaep()), label(way.oaep()), withId, toSpki));
    }

    /** Takes in an encrypted key of this type, or a pair as PKCS#8 if the type is empty. */
    KeyInfo unwrap(KeyInfo with, KeyWrapping way, byte[] wrapped, KeyAttributes wanted,
            String type) throws KeywardException {
        byte[] attributes = wanted.encoded();
        return KeyInfo.read(call(client -> Native.unwrap(client, with.id(), way.wrapping().code,
            digest(way.oaep()), mgf1(way.oaep()), label(way.oaep()), wrapped, type, attributes)));
    }

    /** Makes a secret key from another one, or from an agreement with a public key (DER). */
    KeyInfo deriveKey(KeyInfo from, DerivationSpec how, byte[] peer, KeyAttributes wanted,
            String type) throws KeywardException {
        byte[] attributes = wanted.encoded();
        return KeyInfo.read(call(client -> Native.deriveKey(client, from.id(), how.function().code,
            how.digest().code, how.salt(), how.info(), peer, type, attributes)));
    }

    /** Gives a key another name. */
    KeyInfo rename(KeyInfo key, String name) throws KeywardException {
        return KeyInfo.read(call(client -> Native.rename(client, key.id(), name)));
    }

    /** Replaces the certificates beside a key. */
    KeyInfo setChain(KeyInfo key, Certificate[] chain)
            throws KeywardException, CertificateEncodingException {
        byte[][] certificates = encoded(chain);
        return KeyInfo.read(call(client -> Native.setChain(client, key.id(), certificates)));
    }

    /** Deletes a key, which the service can bring back for a time. */
    void delete(KeyInfo key) throws KeywardException {
        delete(key, false);
    }

    /** Deletes a key for ever. */
    void deleteNow(KeyInfo key) throws KeywardException {
        delete(key, true);
    }

    private void delete(KeyInfo key, boolean now) throws KeywardException {
        call(client -> {
            Native.delete(client, key.id(), now);
            return null;
        });
    }

    /** All certificates that are kept without a key. */
    List<KeptCertificate> certificates() throws KeywardException {
        return KeptCertificate.readAll(call(Native::certificates));
    }

    /** The certificate of this name that is kept without a key. */
    KeptCertificate certificate(String name) throws KeywardException {
        return KeptCertificate.readAll(call(client -> Native.certificate(client, name))).get(0);
    }

    /** Keeps a certificate without a key, in place of another one that has the name. */
    void putCertificate(String name, Certificate certificate)
            throws KeywardException, CertificateEncodingException {
        byte[] der = certificate.getEncoded();
        call(client -> {
            Native.putCertificate(client, name, der);
            return null;
        });
    }

    /** Deletes a certificate that is kept without a key. */
    void deleteCertificate(String name) throws KeywardException {
        call(client -> {
            Native.deleteCertificate(client, name);
            return null;
        });
    }

    /** Drops the native client; every later call is refused. */
    void close() {
        opening.lock();
        try {
            closed = true;
            if (cleanable != null) {
                cleanable.clean();
            }
        } finally {
            opening.unlock();
        }
    }

    private interface NativeCall<T> {
        T run(long client) throws KeywardException;
    }

    private <T> T call(NativeCall<T> call) throws KeywardException {
        Handle opened = opened();
        try {
            return Blocking.call(() -> call.run(opened.client()));
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    private Handle opened() throws KeywardException {
        Handle opened = handle;
        return opened != null && !closed ? opened : open();
    }

    private Handle open() throws KeywardException {
        opening.lock();
        try {
            if (closed) {
                throw new IllegalStateException("this Keyward provider has been closed");
            }
            if (handle == null) {
                NativeLibrary.need();
                String[] pairs = settings.entrySet().stream()
                    .flatMap(setting -> List.of(setting.getKey(), setting.getValue()).stream())
                    .toArray(String[]::new);
                Handle opened = new Handle(Native.open(pairs));
                cleanable = CLEANER.register(this, opened);
                handle = opened;
            }
            return handle;
        } finally {
            opening.unlock();
        }
    }

    private static byte[][] encoded(Certificate[] chain) throws CertificateEncodingException {
        byte[][] encoded = new byte[chain.length][];
        for (int i = 0; i < chain.length; i++) {
            encoded[i] = chain[i].getEncoded();
        }
        return encoded;
    }

    private static int code(AlgorithmTable.Digest digest) {
        return digest == null ? 0 : digest.code;
    }

    private static int digest(OaepParameters oaep) {
        return oaep == null ? 0 : oaep.digest().code;
    }

    private static int mgf1(OaepParameters oaep) {
        return oaep == null ? 0 : oaep.mgf1().code;
    }

    private static byte[] label(OaepParameters oaep) {
        return oaep == null ? null : oaep.label();
    }

    /** Refers to nothing but the number, so that the client itself can become unreachable. */
    private record Handle(long client) implements Runnable {
        @Override
        public void run() {
            Native.close(client);
        }
    }
}
