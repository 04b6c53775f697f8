package dev.keyward.bench;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.util.Collections;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/**
 * Loading a KeyStore and reading every key and chain in it, as the JDK's key manager does when a
 * server starts: all keys of the service beside a PKCS#12 file with as many and the same chains.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 1, time = 2)
@Measurement(iterations = 2, time = 1)
@Fork(1)
@State(Scope.Benchmark)
public class KeyStoreBench {
    private static final char[] PASSWORD = "bench".toCharArray();

    /** Which KeyStore. */
    @Param({"keyward", "jdk"})
    public String keys;

    private byte[] file;

    /** Writes the file, where that is what is loaded. */
    @Setup
    public void prepare() throws Exception {
        if (!keys.equals("jdk")) {
            return;
        }
        KeyStore service = loaded("Keyward");
        PrivateKey key = KeyPairGenerator.getInstance("EC").generateKeyPair().getPrivate();
        KeyStore copy = KeyStore.getInstance("PKCS12");
        copy.load(null, null);
        for (String alias : Collections.list(service.aliases())) {
            copy.setKeyEntry(alias, key, PASSWORD, service.getCertificateChain(alias));
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        copy.store(out, PASSWORD);
        file = out.toByteArray();
    }

    /** Loads it and reads all entries. */
    @Benchmark
    public void load(Blackhole read) throws Exception {
        KeyStore store = loaded(keys.equals("keyward") ? "Keyward" : "PKCS12");
        for (String alias : Collections.list(store.aliases())) {
            read.consume(store.isKeyEntry(alias));
            read.consume(store.getKey(alias, PASSWORD));
            read.consume(store.getCertificateChain(alias));
        }
    }

    private KeyStore loaded(String type) throws Exception {
        if (type.equals("Keyward")) {
            KeyStore store = KeyStore.getInstance(type, Providers.keyward());
            store.load(null, null);
            return store;
        }
        KeyStore store = KeyStore.getInstance(type);
        store.load(new ByteArrayInputStream(file), PASSWORD);
        return store;
    }
}
