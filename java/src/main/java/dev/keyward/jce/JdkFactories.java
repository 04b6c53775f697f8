package dev.keyward.jce;

import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.Provider;
import java.security.Security;

/** Key factories of other providers: public keys are theirs to make. */
final class JdkFactories {
    /** What is asked of a factory. */
    interface Question<T> {
        T ask(KeyFactory factory) throws GeneralSecurityException;
    }

    /** The answer of the first other provider that has one, or null. */
    static <T> T ask(String algorithm, Question<T> question) {
        for (Provider provider : Security.getProviders()) {
            if (provider instanceof KeywardProvider
                    || provider.getService("KeyFactory", algorithm) == null) {
                continue;
            }
            try {
                return question.ask(KeyFactory.getInstance(algorithm, provider));
            } catch (GeneralSecurityException notHere) {
                // The next may know this curve or this encoding.
            }
        }
        return null;
    }

    private JdkFactories() {}
}
