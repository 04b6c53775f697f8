package dev.keyward.jce;

import java.security.InvalidKeyException;
import java.security.cert.Certificate;
import java.security.cert.CertificateEncodingException;
import java.util.Arrays;

/** Takes private keys of other providers into the service. */
final class KeyImport {
    /** Whether a key is of this family, going by the name of its algorithm in Java. */
    static boolean isOf(AlgorithmTable.Family family, String algorithm) {
        // ECDSA is BouncyCastle's name for some of its EC keys.
        return family.jca.equalsIgnoreCase(algorithm) || family.keyward.equalsIgnoreCase(algorithm)
            || family == AlgorithmTable.Family.EC && "ECDSA".equalsIgnoreCase(algorithm);
    }

    /** The imported key. */
    static KeyInfo into(ServiceClient client, KeyImportSpec spec)
            throws KeywardException, InvalidKeyException {
        if (spec.attributes().type() != null) {
            throw new InvalidKeyException("key \"" + spec.attributes().name() + "\" has a type"
                + " already: import it with KeyAttributes that name none");
        }
        byte[] encoded = "PKCS#8".equals(spec.key().getFormat()) ? spec.key().getEncoded() : null;
        if (encoded == null) {
            throw new InvalidKeyException("key \"" + spec.attributes().name() + "\" cannot be"
                + " imported: it does not give out its PKCS#8 encoding");
        }
        try {
            return client.importKey(spec.attributes(), encoded,
                spec.chain().toArray(new Certificate[0]));
        } catch (CertificateEncodingException failure) {
            throw new InvalidKeyException("the certificates cannot be encoded", failure);
        } finally {
            Arrays.fill(encoded, (byte) 0);
        }
    }

    private KeyImport() {}
}
