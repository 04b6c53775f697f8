package dev.keyward.jce;

import java.io.IOException;
import java.security.AlgorithmParameters;
import java.security.AlgorithmParametersSpi;
import java.security.NoSuchAlgorithmException;
import java.security.Provider;
import java.security.ProviderException;
import java.security.Security;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.InvalidParameterSpecException;

/**
 * Parameters of an algorithm, read and written by the first other provider that knows them.
 * Libraries that are given Keyward for a key look here for the parameters too.
 */
final class KeywardParameters extends AlgorithmParametersSpi {
    private final AlgorithmParameters other;

    KeywardParameters(String algorithm) {
        other = elsewhere(algorithm);
    }

    private static AlgorithmParameters elsewhere(String algorithm) {
        for (Provider provider : Security.getProviders()) {
            if (!(provider instanceof KeywardProvider)
                    && provider.getService("AlgorithmParameters", algorithm) != null) {
                try {
                    return AlgorithmParameters.getInstance(algorithm, provider);
                } catch (NoSuchAlgorithmException notHere) {
                    // The next may have them.
                }
            }
        }
        throw new ProviderException("no other provider has parameters of " + algorithm);
    }

    @Override
    protected void engineInit(AlgorithmParameterSpec spec) throws InvalidParameterSpecException {
        other.init(spec);
    }

    @Override
    protected void engineInit(byte[] encoded) throws IOException {
        other.init(encoded);
    }

    @Override
    protected void engineInit(byte[] encoded, String format) throws IOException {
        other.init(encoded, format);
    }

    @Override
    protected <T extends AlgorithmParameterSpec> T engineGetParameterSpec(Class<T> spec)
            throws InvalidParameterSpecException {
        return other.getParameterSpec(spec);
    }

    @Override
    protected byte[] engineGetEncoded() throws IOException {
        return other.getEncoded();
    }

    @Override
    protected byte[] engineGetEncoded(String format) throws IOException {
        return other.getEncoded(format);
    }

    @Override
    protected String engineToString() {
        return other.toString();
    }
}
