package dev.keyward.jce;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Runs native calls, which block until the service has answered. A virtual thread that blocks in
 * native code holds its carrier, of which there are only as many as processors, so the calls of
 * virtual threads are made by a few platform threads, which end when idle.
 */
final class Blocking {
    private static final int THREADS = 16;
    private static final long IDLE_SECONDS = 10;
    private static final MethodHandle IS_VIRTUAL = isVirtual();
    private static final ThreadPoolExecutor PLATFORM_THREADS = platformThreads();

    /** A native call. */
    interface Call<T> {
        T run() throws KeywardException;
    }

    /** Makes the call on a thread that may block. */
    static <T> T call(Call<T> call) throws KeywardException {
        return onVirtualThread() ? handOver(call) : call.run();
    }

    private static boolean onVirtualThread() {
        try {
            return IS_VIRTUAL != null && (boolean) IS_VIRTUAL.invokeExact(Thread.currentThread());
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    private static <T> T handOver(Call<T> call) throws KeywardException {
        FutureTask<T> task = new FutureTask<>(call::run);
        PLATFORM_THREADS.execute(task);
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return task.get();
                } catch (InterruptedException e) {
                    // A call to the service cannot be broken off; it has its own time limits.
                    interrupted = true;
                }
            }
        } catch (ExecutionException e) {
            throw rethrown(e.getCause());
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static KeywardException rethrown(Throwable cause) {
        if (cause instanceof KeywardException failure) {
            return failure;
        }
        if (cause instanceof Error error) {
            throw error;
        }
        throw (RuntimeException) cause;
    }

    /** {@code Thread.isVirtual()}, which came with Java 21; null before. */
    private static MethodHandle isVirtual() {
        try {
            return MethodHandles.lookup()
                .findVirtual(Thread.class, "isVirtual", MethodType.methodType(boolean.class));
        } catch (ReflectiveOperationException olderJava) {
            return null;
        }
    }

    private static ThreadPoolExecutor platformThreads() {
        ThreadPoolExecutor pool = new ThreadPoolExecutor(THREADS, THREADS, IDLE_SECONDS,
            TimeUnit.SECONDS, new LinkedBlockingQueue<>(), task -> {
                // Nothing of the thread that happens to be the first to wait.
                Thread thread = new Thread(null, task, "keyward-call", 0, false);
                thread.setDaemon(true);
                return thread;
            });
        pool.allowCoreThreadTimeOut(true);
        return pool;
    }

    private Blocking() {}
}
