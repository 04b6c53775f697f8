package dev.keyward.jce;

/**
 * The native library's functions. They take and give primitives, strings and byte arrays, call
 * nothing in Java, and report every failure as a {@link KeywardException}. {@link NativeLibrary}
 * loads it.
 */
final class Native {
    /** Version of the library. */
    static native String version() throws KeywardException;

    /**
     * Makes a client; connects to nothing yet.
     *
     * @param settings names and values in turn; they override file and environment
     * @return its handle, for {@link #close}
     */
    static native long open(String[] settings) throws KeywardException;

    /** Drops a client; calls under way go on to their end. */
    static native void close(long client);

    /** Asks the service whether it is there and who it takes the caller for: the user's name. */
    static native String whoAmI(long client) throws KeywardException;

    /** Whether the service asks for a PIN and the settings name none. */
    static native boolean asksForPin(long client) throws KeywardException;

    /** Logs in with a PIN in UTF-8, for all of the client's connections. */
    static native void logIn(long client, byte[] pin) throws KeywardException;

    /** The key that a URI names, encoded for {@link KeyInfo#read}. */
    static native byte[] find(long client, String uri) throws KeywardException;

    /** All keys that the caller may see: a number, and so many keys for {@link KeyInfo#read}. */
    static native byte[] list(long client) throws KeywardException;

    /**
     * Signs; codes are those of the table, 0 for none.
     *
     * @param deterministic of ML-DSA: without randomness
     */
    static native byte[] sign(long client, byte[] keyId, int scheme, int digest, int mgf1,
        int saltBytes, boolean deterministic, byte[] input) throws KeywardException;

    /** Decrypts; codes are those of the table, 0 for none. */
    static native byte[] decrypt(long client, byte[] keyId, int scheme, int digest, int mgf1,
        byte[] label, byte[] input) throws KeywardException;

    /** Agrees on a secret with the owner of a public key (DER SubjectPublicKeyInfo). */
    static native byte[] derive(long client, byte[] keyId, byte[] peer) throws KeywardException;

    /** Takes the secret out of a ciphertext of ML-KEM. */
    static native byte[] decapsulate(long client, byte[] keyId, byte[] ciphertext)
        throws KeywardException;

    /**
     * Encrypts with a secret key; codes are those of the table.
     *
     * @param iv null where the service draws the initialisation vector
     * @return the initialisation vector and behind it the ciphertext
     */
    static native byte[] encipher(long client, byte[] keyId, int cipher, byte[] iv, byte[] aad,
        int tagBytes, byte[] input) throws KeywardException;

    /** Decrypts with a secret key; codes are those of the table. */
    static native byte[] decipher(long client, byte[] keyId, int cipher, byte[] iv, byte[] aad,
        int tagBytes, byte[] input) throws KeywardException;

    /** Makes a message authentication code; codes are those of the table. */
    static native byte[] mac(long client, byte[] keyId, int mac, byte[] message)
        throws KeywardException;

    /** Random bytes of the service's generator. */
    static native byte[] random(long client, int length) throws KeywardException;

    /** Makes a key; attributes as {@link KeyAttributes#encoded} writes them. */
    static native byte[] generate(long client, String type, byte[] attributes)
        throws KeywardException;

    /** Takes in a key (DER PKCS#8). */
    static native byte[] importKey(long client, byte[] attributes, byte[] pkcs8, byte[][] chain)
        throws KeywardException;

    /** Takes in a secret key. */
    static native byte[] importSecret(long client, String type, byte[] attributes, byte[] secret)
        throws KeywardException;

    /**
     * Gives a key out, encrypted; codes are those of the table, 0 for none.
     *
     * @param wrappingId the key of the service that encrypts, or null
     * @param wrappingSpki or the public key that does (DER SubjectPublicKeyInfo), or null
     */
    static native byte[] wrap(long client, byte[] keyId, int wrapping, int digest, int mgf1,
        byte[] label, byte[] wrappingId, byte[] wrappingSpki) throws KeywardException;

    /** Takes in an encrypted key; an empty type means a pair as PKCS#8. */
    static native byte[] unwrap(long client, byte[] keyId, int wrapping, int digest, int mgf1,
        byte[] label, byte[] wrapped, String type, byte[] attributes) throws KeywardException;

    /** Makes a secret key from another key; no peer (DER) means that this is a secret one. */
    static native byte[] deriveKey(long client, byte[] keyId, int function, int digest,
        byte[] salt, byte[] info, byte[] peer, String type, byte[] attributes)
        throws KeywardException;

    /** Gives a key another name. */
    static native byte[] rename(long client, byte[] keyId, String name) throws KeywardException;

    /** Replaces the certificates beside a key: DER, the key's own first. */
    static native byte[] setChain(long client, byte[] keyId, byte[][] chain)
        throws KeywardException;

    /** Deletes a key, for ever and at once or so that the service can bring it back for a time. */
    static native void delete(long client, byte[] keyId, boolean now) throws KeywardException;

    /**
     * All certificates that are kept without a key: a number, and so many of them for {@link
     * KeptCertificate#readAll}.
     */
    static native byte[] certificates(long client) throws KeywardException;

    /** The one of this name, in the same form. */
    static native byte[] certificate(long client, String name) throws KeywardException;

    /** Keeps a certificate (DER), in place of another one that has the name. */
    static native void putCertificate(long client, String name, byte[] der)
        throws KeywardException;

    /** Deletes a certificate that is kept without a key. */
    static native void deleteCertificate(long client, String name) throws KeywardException;

    private Native() {}
}
