package dev.keyward.jce;

/**
 * What the service or its client library had to say about a failure: the cause of the exceptions
 * that the JCA's methods throw.
 *
 * <pre>{@code
 * try {
 *     keys.setCertificateEntry("web", certificate);
 * } catch (KeyStoreException failure) {
 *     if (failure.getCause() instanceof KeywardException why
 *             && why.kind() == ErrorKind.ALREADY_EXISTS) {
 *         System.out.println("a key has that name: " + why.hint());
 *     }
 * }
 * }</pre>
 */
public final class KeywardException extends Exception {
    private static final long serialVersionUID = 1L;

    private final ErrorKind kind;
    private final String hint;
    private final String approval;

    /** Called by the native library: the one place where it throws. */
    KeywardException(int kind, String message, String hint, String approval) {
        super(hint == null ? message : message + " (" + hint + ")");
        this.kind = ErrorKind.ofCode(kind);
        this.hint = hint;
        this.approval = approval;
    }

    /** For what went wrong before the native library could say so. */
    KeywardException(ErrorKind kind, String message, String hint, Throwable cause) {
        super(message + " (" + hint + ")", cause);
        this.kind = kind;
        this.hint = hint;
        this.approval = null;
    }

    /** The same again, for a later caller. */
    KeywardException(KeywardException before) {
        super(before.getMessage(), before);
        this.kind = before.kind;
        this.hint = before.hint;
        this.approval = before.approval;
    }

    /** What went wrong, in a word. */
    public ErrorKind kind() {
        return kind;
    }

    /** What to do next, or null where there is no advice. */
    public String hint() {
        return hint;
    }

    /**
     * The number of the approval that others have been asked for, where the kind is {@link
     * ErrorKind#APPROVAL_REQUIRED}; null elsewhere. When it is given ({@code keyward approval
     * approve}), the same call succeeds.
     */
    public String approval() {
        return approval;
    }
}
