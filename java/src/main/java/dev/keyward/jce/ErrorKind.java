// Generated from the crate keyward-algorithms by its test `generated`; do not edit.
package dev.keyward.jce;

/**
 * What went wrong, in a word: the same words as in the service and on the command line.
 *
 * <pre>{@code
 * try {
 *     keys.setCertificateEntry("web", certificate);
 * } catch (KeyStoreException failure) {
 *     ErrorKind kind = ((KeywardException) failure.getCause()).kind();
 *     System.out.println(kind == ErrorKind.ALREADY_EXISTS ? "the name is taken" : kind.word());
 * }
 * }</pre>
 */
public enum ErrorKind {
    /** Not found. */
    NOT_FOUND(1, "not-found", java.security.InvalidKeyException.class),
    /** Already exists. */
    ALREADY_EXISTS(2, "already-exists", java.security.KeyStoreException.class),
    /** Permission denied. */
    PERMISSION_DENIED(3, "permission-denied", java.security.InvalidKeyException.class),
    /** Caller is not known. */
    UNAUTHENTICATED(4, "unauthenticated", java.security.InvalidKeyException.class),
    /** Locked. */
    LOCKED(5, "locked", java.security.InvalidKeyException.class),
    /** Service is sealed. */
    SEALED(6, "sealed", java.security.ProviderException.class),
    /** Invalid argument. */
    INVALID_ARGUMENT(7, "invalid-argument", java.security.InvalidAlgorithmParameterException.class),
    /** Not supported. */
    UNSUPPORTED(8, "unsupported", java.security.InvalidKeyException.class),
    /** Limit exceeded. */
    LIMIT_EXCEEDED(9, "limit-exceeded", java.security.ProviderException.class),
    /** Approval required. */
    APPROVAL_REQUIRED(10, "approval-required", java.security.ProviderException.class),
    /** Service is busy. */
    BUSY(11, "busy", java.security.ProviderException.class),
    /** Service is unavailable. */
    UNAVAILABLE(12, "unavailable", java.security.ProviderException.class),
    /** Timed out. */
    TIMEOUT(13, "timeout", java.security.ProviderException.class),
    /** Internal error. */
    INTERNAL(14, "internal", java.security.ProviderException.class);

    private final int code;
    private final String word;
    private final Class<? extends Exception> exception;

    ErrorKind(int code, String word, Class<? extends Exception> exception) {
        this.code = code;
        this.word = word;
        this.exception = exception;
    }

    /** The word for it: {@code not-found}. */
    public String word() {
        return word;
    }

    /** The exception that stands for it where a JCA method declares that one. */
    Class<? extends Exception> exception() {
        return exception;
    }

    /** The kind of this code; a code that is not known here is an internal error. */
    static ErrorKind ofCode(int code) {
        for (ErrorKind kind : values()) {
            if (kind.code == code) {
                return kind;
            }
        }
        return INTERNAL;
    }
}
