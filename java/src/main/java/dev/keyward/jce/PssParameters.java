package dev.keyward.jce;

import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.InvalidAlgorithmParameterException;
import java.security.ProviderException;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;

/**
 * The choices of RSASSA-PSS, checked against the table.
 *
 * @param digest digest of the message
 * @param mgf1 digest of the mask generation function
 * @param saltBytes length of the salt
 */
record PssParameters(AlgorithmTable.Digest digest, AlgorithmTable.Digest mgf1, int saltBytes) {
    private static final int TRAILER_BYTES = 2;

    /** What the names that fix a digest mean: MGF1 with the same digest, a salt of its size. */
    static PssParameters of(AlgorithmTable.Digest digest) {
        return new PssParameters(digest, digest, digest.size);
    }

    /** Checks a parameter object. */
    static PssParameters of(AlgorithmParameterSpec spec)
            throws InvalidAlgorithmParameterException {
        if (!(spec instanceof PSSParameterSpec pss)) {
            throw new InvalidAlgorithmParameterException(
                "RSASSA-PSS takes a PSSParameterSpec, not " + spec);
        }
        if (!pss.getMGFAlgorithm().equalsIgnoreCase("MGF1")
                || !(pss.getMGFParameters() instanceof MGF1ParameterSpec mgf1)) {
            throw new InvalidAlgorithmParameterException(
                "RSASSA-PSS takes the mask generation function MGF1 with its parameters");
        }
        if (pss.getTrailerField() != PSSParameterSpec.TRAILER_FIELD_BC) {
            throw new InvalidAlgorithmParameterException("RSASSA-PSS knows the trailer field 1");
        }
        return new PssParameters(Digests.named(pss.getDigestAlgorithm()),
            Digests.named(mgf1.getDigestAlgorithm()), pss.getSaltLength());
    }

    /** The parameter object for these choices. */
    PSSParameterSpec spec() {
        return new PSSParameterSpec(digest.jca, "MGF1", new MGF1ParameterSpec(mgf1.jca), saltBytes,
            PSSParameterSpec.TRAILER_FIELD_BC);
    }

    /** The same in encodable form. */
    AlgorithmParameters encodable() {
        try {
            AlgorithmParameters parameters = AlgorithmParameters.getInstance("RSASSA-PSS");
            parameters.init(spec());
            return parameters;
        } catch (GeneralSecurityException failure) {
            throw new ProviderException("this Java cannot encode RSASSA-PSS parameters", failure);
        }
    }

    /** Whether a modulus of so many bits has room for digest and salt (RFC 8017, 9.1.1). */
    boolean fits(int modulusBits) {
        return (modulusBits + 6) / 8 >= digest.size + saltBytes + TRAILER_BYTES;
    }
}
