package dev.keyward.bench;

import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Signature;
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

/**
 * Signing a message of 1 KiB with one key and a {@code Signature} object that each thread keeps:
 * keys of the service, named {@code bench-} and their type, beside keys of the JDK's own providers
 * and of SoftHSM by way of SunPKCS11.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 2, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 2, time = 1)
@Fork(1)
public class SigningBench {
    private static final byte[] MESSAGE = new byte[1024];

    /** The key, and who signs with it. */
    @State(Scope.Benchmark)
    public static class Shared {
        /** Whose key. */
        @Param({"keyward", "jdk", "softhsm"})
        public String keys;

        /** What kind of key. */
        @Param({"rsa-2048", "rsa-3072", "rsa-4096", "p-256", "p-384"})
        public String type;

        private Provider provider;
        private PrivateKey key;

        /** Makes or finds the key. */
        @Setup
        public void prepare() throws Exception {
            switch (keys) {
                case "keyward" -> {
                    provider = Providers.keyward();
                    KeyStore store = KeyStore.getInstance("Keyward", provider);
                    store.load(null, null);
                    key = (PrivateKey) store.getKey("bench-" + type, null);
                }
                case "softhsm" -> {
                    provider = Providers.softhsm();
                    key = generate(KeyPairGenerator.getInstance(family(), provider));
                }
                default -> key = generate(KeyPairGenerator.getInstance(family()));
            }
        }

        private String family() {
            return type.startsWith("rsa") ? "RSA" : "EC";
        }

        private PrivateKey generate(KeyPairGenerator generator) {
            generator.initialize(Integer.parseInt(type.substring(type.indexOf('-') + 1)));
            return generator.generateKeyPair().getPrivate();
        }

        private Signature signature() throws Exception {
            String algorithm = switch (type) {
                case "p-256" -> "SHA256withECDSA";
                case "p-384" -> "SHA384withECDSA";
                default -> "SHA256withRSA";
            };
            Signature signature = provider == null
                ? Signature.getInstance(algorithm) : Signature.getInstance(algorithm, provider);
            signature.initSign(key);
            return signature;
        }
    }

    /** What each thread keeps. */
    @State(Scope.Thread)
    public static class Own {
        private Signature signature;

        /** Makes the object. */
        @Setup
        public void prepare(Shared shared) throws Exception {
            signature = shared.signature();
        }
    }

    /** One signature. */
    @Benchmark
    public byte[] sign(Own own) throws Exception {
        own.signature.update(MESSAGE);
        return own.signature.sign();
    }
}
