package dev.keyward.jce;

import java.io.ByteArrayInputStream;
import java.security.ProviderException;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.List;

/** Certificates, as objects of the JDK's own factory. */
final class Certificates {
    /** The chain kept beside a key, its own first. */
    static List<Certificate> decode(KeyInfo key) {
        try {
            CertificateFactory factory = CertificateFactory.getInstance("X.509");
            List<Certificate> chain = new ArrayList<>(key.chain().size());
            for (byte[] encoded : key.chain()) {
                chain.add(factory.generateCertificate(new ByteArrayInputStream(encoded)));
            }
            return List.copyOf(chain);
        } catch (CertificateException failure) {
            throw new ProviderException("this Java cannot read the certificates beside key \""
                + key + "\": " + failure.getMessage(), failure);
        }
    }

    /** A certificate that is kept without a key. */
    static Certificate decode(KeptCertificate kept) {
        try {
            return CertificateFactory.getInstance("X.509")
                .generateCertificate(new ByteArrayInputStream(kept.der()));
        } catch (CertificateException failure) {
            throw new ProviderException("this Java cannot read the certificate \"" + kept.name()
                + "\": " + failure.getMessage(), failure);
        }
    }

    private Certificates() {}
}
