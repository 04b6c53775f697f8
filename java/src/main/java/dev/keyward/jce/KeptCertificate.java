package dev.keyward.jce;

import java.io.DataInputStream;
import java.io.IOException;
import java.util.Date;
import java.util.List;

/**
 * A certificate that the caller keeps in the service without a key.
 *
 * @param owner the caller's user
 * @param name unique among the owner's keys and certificates
 * @param created when it was put there
 * @param der the certificate
 */
record KeptCertificate(String owner, String name, Date created, byte[] der) {
    /** Reads a number and so many certificates. */
    static List<KeptCertificate> readAll(byte[] encoded) {
        return Encoded.list(encoded, KeptCertificate::read);
    }

    private static KeptCertificate read(DataInputStream in) throws IOException {
        String owner = Encoded.string(in);
        String name = Encoded.string(in);
        Date created = Encoded.date(in);
        return new KeptCertificate(owner, name, created, Encoded.bytes(in));
    }
}
