package dev.keyward.bench;

import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Signature;
import java.util.ServiceLoader;
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
 * Signing a message of 1 KiB with a {@code Signature} object that each thread keeps: keys of the
 * service, named {@code bench-} and their type, beside keys of the JDK's own providers.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 2)
@Fork(1)
@State(Scope.Thread)
public class SigningBench {
    private static final byte[] MESSAGE = new byte[1024];

    /** Whose key. */
    @Param({"keyward", "jdk"})
    public String keys;

    /** What kind of key. */
    @Param({"rsa-2048", "p-256"})
    public String type;

    private Signature signature;

    /** Makes or finds the key. */
    @Setup
    public void prepare() throws Exception {
        String algorithm = type.startsWith("rsa") ? "SHA256withRSA" : "SHA256withECDSA";
        if (keys.equals("jdk")) {
            KeyPairGenerator generator =
                KeyPairGenerator.getInstance(type.startsWith("rsa") ? "RSA" : "EC");
            generator.initialize(type.startsWith("rsa") ? 2048 : 256);
            signature = Signature.getInstance(algorithm);
            signature.initSign(generator.generateKeyPair().getPrivate());
        } else {
            KeyStore store = KeyStore.getInstance("Keyward", Shared.KEYWARD);
            store.load(null, null);
            signature = Signature.getInstance(algorithm, Shared.KEYWARD);
            signature.initSign((PrivateKey) store.getKey("bench-" + type, null));
        }
    }

    /** One signature. */
    @Benchmark
    public byte[] sign() throws Exception {
        signature.update(MESSAGE);
        return signature.sign();
    }

    /** One provider for all threads, as in an application. */
    private static final class Shared {
        static final Provider KEYWARD = ServiceLoader.load(Provider.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(provider -> provider.getName().equals("Keyward"))
            .findFirst().orElseThrow();
    }
}
