package dev.keyward.jce;

import java.io.IOException;
import java.security.InvalidKeyException;
import java.security.KeyStoreException;
import java.security.ProviderException;
import java.security.SignatureException;
import java.security.UnrecoverableKeyException;

/** Turns {@link KeywardException} into what each JCA method declares. The only place that does. */
final class Failures {
    static SignatureException signature(KeywardException failure) {
        return new SignatureException(failure.getMessage(), failure);
    }

    static KeyStoreException keyStore(KeywardException failure) {
        return new KeyStoreException(failure.getMessage(), failure);
    }

    static IOException load(KeywardException failure) {
        return new IOException(failure.getMessage(), failure);
    }

    /** For a PIN that is wrong, with the cause that KeyStore.load promises for a password. */
    static IOException login(KeywardException failure) {
        return switch (failure.kind()) {
            case UNAUTHENTICATED, LOCKED ->
                new IOException(failure.getMessage(), unrecoverable(failure));
            default -> load(failure);
        };
    }

    static UnrecoverableKeyException unrecoverable(KeywardException failure) {
        UnrecoverableKeyException exception = new UnrecoverableKeyException(failure.getMessage());
        exception.initCause(failure);
        return exception;
    }

    /** For methods that declare no exception of their own. */
    static ProviderException provider(KeywardException failure) {
        return new ProviderException(failure.getMessage(), failure);
    }

    /** For methods that declare InvalidKeyException: the table says which kinds are the key's. */
    static InvalidKeyException key(KeywardException failure) {
        if (failure.kind().exception() == InvalidKeyException.class) {
            return new InvalidKeyException(failure.getMessage(), failure);
        }
        throw provider(failure);
    }

    /** The same where what was given is at fault for what does not fit. */
    static InvalidKeyException keyOrInput(KeywardException failure) {
        return failure.kind() == ErrorKind.INVALID_ARGUMENT
            ? new InvalidKeyException(failure.getMessage(), failure) : key(failure);
    }

    private Failures() {}
}
