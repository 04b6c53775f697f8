package dev.keyward.jce;

import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.InvalidAlgorithmParameterException;
import java.security.ProviderException;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.MGF1ParameterSpec;
import java.util.Locale;
import javax.crypto.NoSuchPaddingException;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;

/** The choices of RSAES-OAEP: its digest, that of MGF1, and the label. */
record OaepParameters(AlgorithmTable.Digest digest, AlgorithmTable.Digest mgf1, byte[] label) {
    /** Names of paddings as {@code Cipher} wants them for its delayed choice of a provider. */
    static final String PADDINGS = "OAEPPADDING|OAEPWITH.*PADDING";

    /** Java's name for them. */
    static final String NAME = "OAEP";
    /** id-RSAES-OAEP (RFC 8017, A.2.1). */
    static final String OID = "1.2.840.113549.1.1.7";

    private static final String WITH = "OAEPWITH";
    private static final String AND = "ANDMGF1PADDING";

    /** Those that the name of a padding stands for; null for other paddings. */
    static OaepParameters ofPadding(String padding) throws NoSuchPaddingException {
        String name = padding.toUpperCase(Locale.ROOT);
        try {
            if (name.equals(AlgorithmTable.Encryption.RSA_OAEP.jcaPadding
                    .toUpperCase(Locale.ROOT))) {
                return of(OAEPParameterSpec.DEFAULT);
            }
            if (!name.startsWith(WITH) || !name.endsWith(AND)) {
                return null;
            }
            // The JDK's meaning of these names: MGF1 keeps SHA-1 unless parameters say more.
            return new OaepParameters(
                Digests.named(name.substring(WITH.length(), name.length() - AND.length())),
                AlgorithmTable.Digest.SHA1, PSource.PSpecified.DEFAULT.getValue());
        } catch (InvalidAlgorithmParameterException unknown) {
            throw new NoSuchPaddingException(unknown.getMessage());
        }
    }

    /** Those of an {@code OAEPParameterSpec}. */
    static OaepParameters of(AlgorithmParameterSpec spec)
            throws InvalidAlgorithmParameterException {
        if (!(spec instanceof OAEPParameterSpec oaep)) {
            throw new InvalidAlgorithmParameterException("OAEP does not take " + spec);
        }
        if (!(oaep.getMGFParameters() instanceof MGF1ParameterSpec mgf1)) {
            throw new InvalidAlgorithmParameterException("OAEP takes MGF1 with its parameters");
        }
        if (!(oaep.getPSource() instanceof PSource.PSpecified label)) {
            throw new InvalidAlgorithmParameterException("the label must be given as PSpecified");
        }
        return new OaepParameters(Digests.named(oaep.getDigestAlgorithm()),
            Digests.named(mgf1.getDigestAlgorithm()), label.getValue());
    }

    /** As the JDK has them. */
    OAEPParameterSpec spec() {
        return new OAEPParameterSpec(digest.jca, "MGF1", new MGF1ParameterSpec(mgf1.jca),
            new PSource.PSpecified(label));
    }

    /** In a form that can be encoded. */
    AlgorithmParameters encodable() {
        try {
            AlgorithmParameters parameters = AlgorithmParameters.getInstance(NAME);
            parameters.init(spec());
            return parameters;
        } catch (GeneralSecurityException failure) {
            throw new ProviderException("this Java cannot encode OAEP parameters", failure);
        }
    }
}
