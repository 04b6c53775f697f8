package dev.keyward.jce;

/**
 * What the service or its client library had to say about a failure: the cause of the exceptions
 * that the JCA's methods throw.
 */
public final class KeywardException extends Exception {
    private static final long serialVersionUID = 1L;

    private final ErrorKind kind;
    private final String hint;

    KeywardException(ErrorKind kind, String message, String hint) {
        super(hint == null ? message : message + " (" + hint + ")");
        this.kind = kind;
        this.hint = hint;
    }

    /** Called by the native library: the one place where it throws. */
    KeywardException(int kind, String message, String hint) {
        this(ErrorKind.ofCode(kind), message, hint);
    }

    /** What went wrong, in a word. */
    public ErrorKind kind() {
        return kind;
    }

    /** What to do next, or null where there is no advice. */
    public String hint() {
        return hint;
    }
}
