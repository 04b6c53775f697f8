package dev.keyward.jce;

import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;

/** Reads what the native library tells of keys and certificates. */
final class Encoded {
    /** Reads one thing. */
    interface Reader<T> {
        T read(DataInputStream in) throws IOException;
    }

    /** What the bytes hold. */
    static <T> T one(byte[] encoded, Reader<T> reader) {
        try {
            return reader.read(new DataInputStream(new ByteArrayInputStream(encoded)));
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
    }

    /** A number and so many things. */
    static <T> List<T> list(byte[] encoded, Reader<T> reader) {
        return one(encoded, in -> list(in, reader));
    }

    /** The same within something else. */
    static <T> List<T> list(DataInputStream in, Reader<T> reader) throws IOException {
        int count = in.readInt();
        List<T> all = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            all.add(reader.read(in));
        }
        return all;
    }

    /** Bytes with their number before them. */
    static byte[] bytes(DataInputStream in) throws IOException {
        return in.readNBytes(in.readInt());
    }

    /** Text in UTF-8 with its length before it. */
    static String string(DataInputStream in) throws IOException {
        return new String(bytes(in), StandardCharsets.UTF_8);
    }

    /** A moment in seconds since 1970. */
    static Date date(DataInputStream in) throws IOException {
        return new Date(in.readLong() * 1000);
    }

    private Encoded() {}
}
