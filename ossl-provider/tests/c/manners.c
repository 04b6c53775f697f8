/* Hosts that are hard on what they load: many threads, forks in the middle of everything, signals,
 * no descriptors left, loading and unloading without end. The first argument names the trial, the
 * others are keys or configurations. Exits with 0 if all went well. */
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

struct pair {
    EVP_PKEY *key, *public;
};

static struct pair load_pair(OSSL_LIB_CTX *libctx, const char *uri)
{
    struct pair pair;

    pair.key = load(libctx, uri);
    pair.public = public_half(libctx, pair.key);
    return pair;
}

static void free_pair(struct pair pair)
{
    EVP_PKEY_free(pair.key);
    EVP_PKEY_free(pair.public);
}

static void *sign_ten_times(void *argument)
{
    struct pair *pair = argument;

    for (int i = 0; i < 10; i++)
        sign_and_verify(NULL, pair->key, pair->public);
    return NULL;
}

/* 64 threads on four keys. */
static void crowd(char **uris)
{
    struct pair pairs[4];
    pthread_t ids[64];

    for (int i = 0; i < 4; i++)
        pairs[i] = load_pair(NULL, uris[i]);
    for (int i = 0; i < 64; i++)
        CHECK(pthread_create(&ids[i], NULL, sign_ten_times, &pairs[i % 4]) == 0);
    for (int i = 0; i < 64; i++)
        CHECK(pthread_join(ids[i], NULL) == 0);
    for (int i = 0; i < 4; i++)
        free_pair(pairs[i]);
}

static int entries(const char *folder)
{
    DIR *open = opendir(folder);
    int count = 0;

    CHECK(open != NULL);
    while (readdir(open) != NULL)
        count++;
    closedir(open);
    return count;
}

static long resident_kib(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages;

    CHECK(file != NULL && fscanf(file, "%*d %ld", &pages) == 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static OSSL_LIB_CTX *configured(const char *file)
{
    OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();

    CHECK(libctx != NULL && OSSL_LIB_CTX_load_config(libctx, file) == 1);
    return libctx;
}

/* A thousand times: load the module, sign, unload it. */
static void reload(char **uris)
{
    int descriptors = 0;
    long memory = 0;

    for (int i = 0; i < 1000; i++) {
        OSSL_LIB_CTX *libctx = configured(getenv("OPENSSL_CONF"));
        struct pair pair = load_pair(libctx, uris[0]);

        sign_and_verify(libctx, pair.key, pair.public);
        free_pair(pair);
        OSSL_LIB_CTX_free(libctx);
        if (i == 200) {
            descriptors = entries("/proc/self/fd");
            memory = resident_kib();
        }
    }
    CHECK(entries("/proc/self/fd") == descriptors);
    CHECK(entries("/proc/self/task") == 3); /* itself, "." and ".." */
    printf("%ld KiB more after 800 rounds\n", resident_kib() - memory);
    /* A leak of one kilobyte a round would be seen. */
    CHECK(resident_kib() - memory < 800);
}

/* Two instances with settings of their own, and one whose settings are wrong. */
static void instances(char **arguments)
{
    const char *uri = arguments[0];
    OSSL_LIB_CTX *first = configured(arguments[1]), *second = configured(arguments[2]);
    OSSL_LIB_CTX *wrong = configured(arguments[3]);
    struct pair here = load_pair(first, uri), there = load_pair(second, uri);
    OSSL_STORE_CTX *store;

    CHECK(EVP_PKEY_eq(here.public, there.public) == 0);
    for (int i = 0; i < 5; i++) {
        sign_and_verify(first, here.key, here.public);
        store = OSSL_STORE_open_ex(uri, wrong, NULL, NULL, NULL, NULL, NULL, NULL);
        CHECK(store != NULL && OSSL_STORE_load(store) == NULL && OSSL_STORE_eof(store));
        OSSL_STORE_close(store);
        ERR_clear_error();
        sign_and_verify(second, there.key, there.public);
    }
    free_pair(here);
    OSSL_LIB_CTX_free(first);
    sign_and_verify(second, there.key, there.public);
    free_pair(there);
    OSSL_LIB_CTX_free(second);
    OSSL_LIB_CTX_free(wrong);
}

static atomic_int go_on = 1;

static void *sign_until_told(void *argument)
{
    struct pair *pair = argument;

    while (go_on)
        sign_and_verify(NULL, pair->key, pair->public);
    return NULL;
}

static void reap(pid_t pid)
{
    int status;

    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Forks again and again while other threads are in the middle of requests. The children sign on
 * their own and the parent's threads lose nothing. */
static void fork_storm(char **uris)
{
    struct pair pair = load_pair(NULL, uris[0]);
    pthread_t ids[4];

    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&ids[i], NULL, sign_until_told, &pair) == 0);
    for (int i = 0; i < 30; i++) {
        /* Whatever libcrypto's own locks do in a child of threads is not on trial, and a fetch of an
         * algorithm takes some: the child only does what needs none, one signature over a digest. */
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pair.key, NULL);
        pid_t pid;

        CHECK(ctx != NULL && EVP_PKEY_sign_init(ctx) == 1);
        CHECK((pid = fork()) >= 0);
        if (pid == 0) {
            unsigned char digest[32] = {7}, signature[1024];
            size_t length = sizeof(signature);

            alarm(300);
            if (EVP_PKEY_sign(ctx, signature, &length, digest, sizeof(digest)) != 1) {
                ERR_print_errors_fp(stderr);
                _exit(1);
            }
            _exit(0);
        }
        EVP_PKEY_CTX_free(ctx);
        reap(pid);
    }
    go_on = 0;
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(ids[i], NULL) == 0);
    free_pair(pair);
}

/* Another program is run in between; it inherits no descriptor of ours. */
static void execute(char **uris)
{
    struct pair pair = load_pair(NULL, uris[0]);

    sign_and_verify(NULL, pair.key, pair.public);
    for (int i = 0; i < 5; i++) {
        pid_t pid = vfork();

        CHECK(pid >= 0);
        if (pid == 0) {
            execl("/proc/self/exe", "manners", "no-sockets", "", (char *)NULL);
            _exit(1);
        }
        reap(pid);
        sign_and_verify(NULL, pair.key, pair.public);
    }
    free_pair(pair);
}

static void no_sockets(char **unused)
{
    char path[64], target[64];

    (void)unused;
    for (int i = 3; i < 64; i++) {
        ssize_t length;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", i);
        length = readlink(path, target, sizeof(target) - 1);
        if (length > 0) {
            target[length] = 0;
            CHECK(strncmp(target, "socket:", 7) != 0);
        }
    }
}

static void ignore(int number)
{
    (void)number;
}

/* A signal every millisecond, whose handler does not have system calls started again. */
static void interrupts(char **uris)
{
    struct itimerval every = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = ignore;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);
    for (int i = 0; i < 20; i++) {
        OSSL_LIB_CTX *libctx = configured(getenv("OPENSSL_CONF"));
        struct pair pair = load_pair(libctx, uris[0]);

        for (int k = 0; k < 5; k++)
            sign_and_verify(libctx, pair.key, pair.public);
        free_pair(pair);
        OSSL_LIB_CTX_free(libctx);
    }
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
}

/* No descriptor is left when the key is first used: an error, and later it works. */
static void no_descriptors(char **files)
{
    struct rlimit limit, none;
    unsigned char digest[32] = {7}, signature[1024];
    size_t length = sizeof(signature);
    struct pair pair;
    EVP_PKEY_CTX *ctx;
    BIO *bio = BIO_new_file(files[0], "r");

    CHECK(bio != NULL);
    pair.key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    CHECK(pair.key != NULL);
    BIO_free(bio);
    pair.public = public_half(NULL, pair.key);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    none = limit;
    none.rlim_cur = 3;
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pair.key, NULL);
    CHECK(EVP_PKEY_sign_init(ctx) == 1);
    CHECK(EVP_PKEY_sign(ctx, signature, &length, digest, sizeof(digest)) != 1);
    ERR_print_errors_fp(stdout);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    /* The next try comes within a second of a failure. */
    for (int i = 0; EVP_PKEY_sign(ctx, signature, &length, digest, sizeof(digest)) != 1; i++) {
        CHECK(i < 300);
        usleep(100000);
        length = sizeof(signature);
    }
    ERR_clear_error();
    sign_and_verify(NULL, pair.key, pair.public);
    EVP_PKEY_CTX_free(ctx);
    free_pair(pair);
}

/* What happens to this process from now on at the system calls of a list, and at all others. */
static void lock_in(const int *calls, size_t count, unsigned listed, unsigned others)
{
    struct sock_filter filter[128] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    struct sock_fprog program = {0, filter};

    program.len = 1;
    for (size_t i = 0; i < count; i++) {
        struct sock_filter is_it = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
        struct sock_filter then = BPF_STMT(BPF_RET | BPF_K, listed);

        filter[program.len++] = is_it;
        filter[program.len++] = then;
    }
    filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, others);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

/* All that a host on this machine has to be allowed for signatures over a connection that stands.
 * Any other call ends the process. */
static const int needed[] = {
    SYS_getpid, SYS_gettid, SYS_geteuid, SYS_getegid, SYS_fstat, SYS_newfstatat, SYS_setsockopt,
    SYS_sendto, SYS_recvfrom, SYS_ppoll, SYS_clock_gettime, SYS_getrandom, SYS_futex, SYS_brk,
    SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise, SYS_exit_group, SYS_write,
#ifdef SYS_poll
    SYS_poll,
#endif
};

static void sign_locked_in(const char *uri)
{
    struct pair pair = load_pair(NULL, uri);

    sign_and_verify(NULL, pair.key, pair.public);
    lock_in(needed, sizeof(needed) / sizeof(needed[0]), SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
    for (int i = 0; i < 20; i++)
        sign_and_verify(NULL, pair.key, pair.public);
    _exit(0);
}

/* A host that has closed itself before the first signature gets an error. */
static void locked_out(const char *file)
{
    static const int denied[] = {SYS_socket, SYS_connect};
    struct pair pair = load_pair(NULL, file);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pair.key, NULL);
    unsigned char digest[32] = {7}, signature[1024];
    size_t length = sizeof(signature);

    CHECK(EVP_PKEY_sign_init(ctx) == 1);
    lock_in(denied, 2, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW);
    CHECK(EVP_PKEY_sign(ctx, signature, &length, digest, sizeof(digest)) != 1);
    ERR_print_errors_fp(stdout);
    EVP_PKEY_CTX_free(ctx);
    free_pair(pair);
    exit(0);
}

/* Hosts that filter their own system calls once they have started. */
static void locked(char **keys)
{
    void (*const bodies[])(const char *) = {sign_locked_in, locked_out};

    for (int i = 0; i < 2; i++) {
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0)
            bodies[i](keys[i]);
        reap(pid);
    }
}

static void *exit_here(void *argument)
{
    sign_ten_times(argument);
    exit(0);
}

/* Every way to leave with a key and a connection open. */
static void leave(int way, const char *uri)
{
    OSSL_LIB_CTX *libctx = configured(getenv("OPENSSL_CONF"));
    struct pair pair = load_pair(libctx, uri);
    EVP_MD_CTX *half_done = EVP_MD_CTX_new();
    pthread_t id;

    sign_and_verify(libctx, pair.key, pair.public);
    CHECK(EVP_DigestSignInit_ex(half_done, NULL, "SHA256", libctx, NULL, pair.key, NULL) == 1);
    CHECK(EVP_DigestSignUpdate(half_done, message, sizeof(message)) == 1);
    switch (way) {
    case 0: /* nothing is freed */
        exit(0);
    case 1: /* the context of the library goes first */
        OSSL_LIB_CTX_free(libctx);
        EVP_MD_CTX_free(half_done);
        free_pair(pair);
        exit(0);
    case 2: /* the key goes first */
        free_pair(pair);
        EVP_MD_CTX_free(half_done);
        OSSL_LIB_CTX_free(libctx);
        exit(0);
    case 3: /* another thread ends the process */
        CHECK(pthread_create(&id, NULL, exit_here, &pair) == 0);
        pthread_join(id, NULL);
        exit(1);
    case 4: /* the library is cleaned up by hand */
        EVP_MD_CTX_free(half_done);
        free_pair(pair);
        OSSL_LIB_CTX_free(libctx);
        OPENSSL_cleanup();
        exit(0);
    default: /* nothing is run at all */
        _exit(0);
    }
}

static void leaving(char **uris)
{
    for (int way = 0; way <= 5; way++) {
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0)
            leave(way, uris[0]);
        reap(pid);
    }
}

/* The self-test asks nobody, so it passes while the service is away; what the module is for works
 * no worse afterwards. */
static void self_test(char **uris)
{
    OSSL_PROVIDER *provider = OSSL_PROVIDER_load(NULL, "keyward");
    OSSL_STORE_CTX *store;

    CHECK(provider != NULL);
    CHECK(OSSL_PROVIDER_self_test(provider) == 1);
    CHECK(ERR_peek_error() == 0);
    store = OSSL_STORE_open(uris[0], NULL, NULL, NULL, NULL);
    CHECK(store != NULL && OSSL_STORE_load(store) == NULL && OSSL_STORE_eof(store));
    OSSL_STORE_close(store);
    OSSL_PROVIDER_unload(provider);
}

static const struct {
    const char *name;
    void (*run)(char **arguments);
    int arguments;
} trials[] = {
    {"crowd", crowd, 4},           {"reload", reload, 1},
    {"instances", instances, 4},   {"fork-storm", fork_storm, 1},
    {"execute", execute, 1},       {"no-sockets", no_sockets, 1},
    {"interrupts", interrupts, 1}, {"no-descriptors", no_descriptors, 1},
    {"leaving", leaving, 1},       {"self-test", self_test, 1},
    {"locked", locked, 2},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(trials) / sizeof(trials[0]); i++) {
        if (strcmp(argv[1], trials[i].name) == 0 && argc == trials[i].arguments + 2) {
            trials[i].run(argv + 2);
            return 0;
        }
    }
    return 2;
}
