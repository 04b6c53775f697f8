package dev.keyward.bench;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Signature;
import java.util.Locale;
import java.util.ServiceLoader;

/**
 * Signs digests one after another with one key of the service, and prints as JSON what a signature
 * takes of this thread and how much larger the process is at the end than after its warm-up:
 * Endurance ALIAS WARM_UP COUNT
 *
 * <p>It stands alone, so that {@code java Endurance.java} runs it too. Started with a heap of a fixed
 * size that is touched at once ({@code -Xms64m -Xmx64m -XX:+AlwaysPreTouch}), a process that grows
 * does so outside the heap.
 */
public final class Endurance {
    /** Signs, and prints. */
    public static void main(String[] arguments) throws Exception {
        Provider provider = ServiceLoader.load(Provider.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(one -> one.getName().equals("Keyward")).findFirst().orElseThrow();
        KeyStore keys = KeyStore.getInstance("Keyward", provider);
        keys.load(null, null);
        Signature signature = Signature.getInstance("NONEwithECDSA", provider);
        signature.initSign((PrivateKey) keys.getKey(arguments[0], null));
        sign(signature, Integer.parseInt(arguments[1]));
        long before = residentKib();
        int count = Integer.parseInt(arguments[2]);
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        long cpu = threads.getCurrentThreadCpuTime();
        long begun = System.nanoTime();
        sign(signature, count);
        double micros = (System.nanoTime() - begun) / 1e3 / count;
        double cpuMicros = (threads.getCurrentThreadCpuTime() - cpu) / 1e3 / count;
        System.out.printf(Locale.ROOT, "{\"signatures\": %d, \"micros\": %.2f,"
            + " \"cpu_micros\": %.2f, \"resident_kib\": %d, \"grown_kib\": %d}%n", count, micros,
            cpuMicros, before, residentKib() - before);
    }

    private static void sign(Signature signature, int count) throws Exception {
        byte[] digest = new byte[32];
        for (int i = 0; i < count; i++) {
            signature.update(digest);
            signature.sign();
        }
    }

    private static long residentKib() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
            .filter(line -> line.startsWith("VmRSS:"))
            .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
            .findFirst().orElseThrow();
    }

    private Endurance() {}
}
