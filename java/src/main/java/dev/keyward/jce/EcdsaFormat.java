package dev.keyward.jce;

import java.security.SignatureException;

/** ECDSA signatures in the form of IEEE P1363: r and s side by side, each of the order's size. */
final class EcdsaFormat {
    private static final int SEQUENCE = 0x30;
    private static final int INTEGER = 0x02;

    /** Turns a DER {@code ECDSA-Sig-Value} of the service into the form of P1363. */
    static byte[] p1363(byte[] der, int orderBytes) throws SignatureException {
        byte[] out = new byte[2 * orderBytes];
        int at = header(der, 0, SEQUENCE);
        for (int part = 0; part < 2; part++) {
            int start = header(der, at, INTEGER);
            int end = start + length(der, at);
            // A leading zero only keeps the number positive.
            int first = der[start] == 0 && end - start > 1 ? start + 1 : start;
            if (end > der.length || end - first > orderBytes) {
                throw malformed();
            }
            int to = (part + 1) * orderBytes - (end - first);
            System.arraycopy(der, first, out, to, end - first);
            at = end;
        }
        if (at != der.length) {
            throw malformed();
        }
        return out;
    }

    /** The place where the value begins whose tag is at {@code at}. */
    private static int header(byte[] der, int at, int tag) throws SignatureException {
        if (at + 2 > der.length || der[at] != tag) {
            throw malformed();
        }
        int start = at + (der[at + 1] == (byte) 0x81 ? 3 : 2);
        if (start >= der.length) {
            throw malformed();
        }
        return start;
    }

    /** Length of the value whose tag is at {@code at}; an ECDSA signature is under 256 bytes. */
    private static int length(byte[] der, int at) {
        return der[at + 1] == (byte) 0x81 ? der[at + 2] & 0xff : der[at + 1] & 0x7f;
    }

    private static SignatureException malformed() {
        return new SignatureException("the service's answer is no ECDSA signature");
    }

    private EcdsaFormat() {}
}
