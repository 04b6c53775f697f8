package dev.keyward.jce;

import java.io.ByteArrayOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.ProviderException;

/** Collects what a caller feeds to a signature and gives what goes to the service. */
interface MessageInput {
    /** Takes a part of the message. */
    void update(byte[] bytes, int offset, int length);

    /** What goes to the service; begins anew. */
    byte[] finish();

    /** Begins anew. */
    void reset();

    /** For signatures over a digest: hashes here, so that only the digest travels. */
    static MessageInput digesting(AlgorithmTable.Digest digest) {
        MessageDigest hash;
        try {
            hash = MessageDigest.getInstance(digest.jca);
        } catch (NoSuchAlgorithmException failure) {
            throw new ProviderException("this Java has no " + digest.jca, failure);
        }
        return digesting(hash);
    }

    /** The same with something before each message. */
    static MessageInput digesting(MessageDigest hash, byte[]... prefix) {
        MessageInput input = new MessageInput() {
            @Override
            public void update(byte[] bytes, int offset, int length) {
                hash.update(bytes, offset, length);
            }

            @Override
            public byte[] finish() {
                byte[] digest = hash.digest();
                reset();
                return digest;
            }

            @Override
            public void reset() {
                hash.reset();
                for (byte[] part : prefix) {
                    hash.update(part);
                }
            }
        };
        input.reset();
        return input;
    }

    /** For signatures over the message itself, or over a digest that the caller made. */
    static MessageInput collecting() {
        ByteArrayOutputStream buffer = new ByteArrayOutputStream();
        return new MessageInput() {
            @Override
            public void update(byte[] bytes, int offset, int length) {
                buffer.write(bytes, offset, length);
            }

            @Override
            public byte[] finish() {
                byte[] message = buffer.toByteArray();
                buffer.reset();
                return message;
            }

            @Override
            public void reset() {
                buffer.reset();
            }
        };
    }
}
