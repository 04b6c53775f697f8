/* A host with async jobs: signs with the key (argument 1) in several jobs at a time, after it has
 * gone away from others while they were paused, and tells on stdout how many jobs were paused at
 * once and how much of their stacks was used. With "fork" as argument 2 it forks while a job is
 * paused; with "public" it does in a job what needs the public half alone, and tells the use of the
 * stack. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <openssl/async.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

#define JOBS 20
#define ROUNDS 2
#define STACK 32768 /* of async_posix.c */
#define FILLING 0xa5

/* Stacks are filled so that their use can be seen. */
static unsigned char *stacks[1024];
static int stack_count;

static void *allocate(size_t size, const char *file, int line)
{
    unsigned char *memory = malloc(size);

    (void)line;
    if (size == STACK && memory != NULL && stack_count < 1024
        && strstr(file, "async_posix.c") != NULL) {
        memset(memory, FILLING, size);
        stacks[stack_count++] = memory;
    }
    return memory;
}

static void *reallocate(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return realloc(memory, size);
}

static void release(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

static size_t deepest(void)
{
    size_t most = 0;

    for (int i = 0; i < stack_count; i++) {
        size_t untouched = 0;

        while (untouched < STACK && stacks[i][untouched] == FILLING)
            untouched++;
        if (STACK - untouched > most && untouched != 0)
            most = STACK - untouched;
        else if (untouched == 0)
            most = STACK;
    }
    return most;
}

static int sign(void *argument)
{
    EVP_PKEY *key = *(EVP_PKEY **)argument;
    unsigned char signature[1024];
    size_t length = sizeof(signature);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int good = EVP_DigestSignInit_ex(md, NULL, "SHA256", NULL, NULL, key, NULL) == 1
        && EVP_DigestSign(md, signature, &length, message, sizeof(message)) == 1;

    EVP_MD_CTX_free(md);
    return good;
}

/* How many descriptors this process has. */
static int open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;

    CHECK(folder != NULL);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

/* The one descriptor of a wait context. */
static int descriptor(ASYNC_WAIT_CTX *context)
{
    OSSL_ASYNC_FD fd;
    size_t count = 0;

    CHECK(ASYNC_WAIT_CTX_get_all_fds(context, NULL, &count) == 1 && count == 1);
    CHECK(ASYNC_WAIT_CTX_get_all_fds(context, &fd, &count) == 1);
    return fd;
}

/* Goes away from jobs that are paused, as a server does whose clients hang up. */
static void abandon_jobs(EVP_PKEY *key)
{
    int before = open_files();

    for (int i = 0; i < JOBS; i++) {
        ASYNC_JOB *job = NULL;
        ASYNC_WAIT_CTX *context = ASYNC_WAIT_CTX_new();
        int result;

        CHECK(context != NULL);
        CHECK(ASYNC_start_job(&job, context, &result, sign, &key, sizeof(key)) == ASYNC_PAUSE);
        CHECK(descriptor(context) > 2);
        ASYNC_WAIT_CTX_free(context);
    }
    CHECK(open_files() <= before);
}

static int sign_without_pauses(void *argument)
{
    int good;

    ASYNC_block_pause();
    good = sign(argument);
    ASYNC_unblock_pause();
    return good;
}

/* Where there was no pause, pollers were told of no descriptor, so there must be none to take out
 * of them at the end. */
static void block_pauses(EVP_PKEY *key)
{
    ASYNC_JOB *job = NULL;
    ASYNC_WAIT_CTX *context = ASYNC_WAIT_CTX_new();
    int good = 0, before = open_files();
    size_t count = 0;

    CHECK(context != NULL);
    CHECK(ASYNC_start_job(&job, context, &good, sign_without_pauses, &key, sizeof(key))
          == ASYNC_FINISH);
    CHECK(good == 1);
    CHECK(ASYNC_WAIT_CTX_get_all_fds(context, NULL, &count) == 1 && count == 0);
    /* The connection to the service is kept. */
    CHECK(open_files() <= before + 1);
    ASYNC_WAIT_CTX_free(context);
}

/* Signs in several jobs at a time, twice with each wait context. */
static void sign_in_jobs(EVP_PKEY *key, int *good, int *most)
{
    ASYNC_JOB *jobs[JOBS] = { NULL };
    ASYNC_WAIT_CTX *contexts[JOBS];
    int rounds[JOBS] = { 0 }, known[JOBS] = { 0 }, left = JOBS;

    for (int i = 0; i < JOBS; i++)
        CHECK((contexts[i] = ASYNC_WAIT_CTX_new()) != NULL);
    while (left > 0) {
        struct pollfd waiting[JOBS];
        nfds_t count = 0;

        for (int i = 0; i < JOBS; i++) {
            int result = 0, status;

            if (rounds[i] == ROUNDS)
                continue;
            status = ASYNC_start_job(&jobs[i], contexts[i], &result, sign, &key, sizeof(key));
            CHECK(status == ASYNC_PAUSE || status == ASYNC_FINISH);
            if (status == ASYNC_FINISH) {
                *good += result;
                /* Before later errors push them out of the queue. */
                ERR_print_errors_fp(stderr);
                if (++rounds[i] == ROUNDS)
                    left--;
            }
            /* Pollers have the descriptor, and are told of no change when a job has ended. */
            if (known[i] == 0)
                known[i] = descriptor(contexts[i]);
            CHECK(descriptor(contexts[i]) == known[i] && fcntl(known[i], F_GETFD) != -1);
            if (status == ASYNC_PAUSE)
                waiting[count++] = (struct pollfd) { .fd = known[i], .events = POLLIN };
        }
        if ((int)count > *most)
            *most = (int)count;
        if (left > 0 && count > 0)
            CHECK(poll(waiting, count, 300000) > 0);
    }
    for (int i = 0; i < JOBS; i++)
        ASYNC_WAIT_CTX_free(contexts[i]);
}

/* Resumes a job until it ends; whether it did well. A child does not wait for what the descriptor
 * tells: that is its parent's. */
static int finish(ASYNC_JOB *job, ASYNC_WAIT_CTX *context, EVP_PKEY *key, int waits)
{
    int good = 0, status;

    do {
        struct pollfd waiting = { .fd = descriptor(context), .events = POLLIN };

        if (waits)
            CHECK(poll(&waiting, 1, 300000) == 1);
        status = ASYNC_start_job(&job, context, &good, sign, &key, sizeof(key));
    } while (status == ASYNC_PAUSE);
    CHECK(status == ASYNC_FINISH);
    return good;
}

/* The thread whose job is paused forks: both sides sign, whoever goes on first. */
static void fork_while_paused(EVP_PKEY *key, int child_first)
{
    ASYNC_JOB *job = NULL;
    ASYNC_WAIT_CTX *context = ASYNC_WAIT_CTX_new();
    int result, status, good = 0;
    pid_t pid;

    CHECK(context != NULL);
    CHECK(ASYNC_start_job(&job, context, &result, sign, &key, sizeof(key)) == ASYNC_PAUSE);
    CHECK((pid = fork()) >= 0);
    if (pid == 0) {
        alarm(300);
        good = finish(job, context, key, 0);
        ASYNC_WAIT_CTX_free(context);
        ERR_print_errors_fp(stderr);
        _exit(good == 1 ? 0 : 1);
    }
    if (!child_first)
        good = finish(job, context, key, 1);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    if (child_first)
        good = finish(job, context, key, 1);
    CHECK(good == 1);
    ASYNC_WAIT_CTX_free(context);
}

struct signed_message {
    EVP_PKEY *key;
    unsigned char signature[8192];
    size_t length;
};

static const char *digest_of(EVP_PKEY *key)
{
    int takes_digest = EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "EC");

    return takes_digest ? "SHA256" : NULL;
}

static int verify(void *argument)
{
    struct signed_message *sent = *(struct signed_message **)argument;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int good = EVP_DigestVerifyInit_ex(md, NULL, digest_of(sent->key), NULL, NULL, sent->key, NULL) == 1
        && EVP_DigestVerify(md, sent->signature, sent->length, message, sizeof(message)) == 1;

    EVP_MD_CTX_free(md);
    return good;
}

static int encapsulate(void *argument)
{
    EVP_PKEY *key = (*(struct signed_message **)argument)->key;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    unsigned char sealed[2048], secret[64];
    size_t sealed_length = sizeof(sealed), length = sizeof(secret);
    int good = EVP_PKEY_encapsulate_init(ctx, NULL) == 1
        && EVP_PKEY_encapsulate(ctx, sealed, &sealed_length, secret, &length) == 1;

    EVP_PKEY_CTX_free(ctx);
    return good;
}

/* Verifies in a job, or encapsulates where that is what the key is for. */
static int use_public_half(EVP_PKEY *key)
{
    struct signed_message *sent = malloc(sizeof(*sent));
    ASYNC_JOB *job = NULL;
    ASYNC_WAIT_CTX *context = ASYNC_WAIT_CTX_new();
    int is_kem = strncmp(EVP_PKEY_get0_type_name(key), "ML-KEM", 6) == 0, good = 0;

    sent->key = key;
    if (!is_kem) {
        EVP_MD_CTX *md = EVP_MD_CTX_new();

        sent->length = sizeof(sent->signature);
        CHECK(EVP_DigestSignInit_ex(md, NULL, digest_of(key), NULL, NULL, key, NULL) == 1);
        CHECK(EVP_DigestSign(md, sent->signature, &sent->length, message, sizeof(message)) == 1);
        EVP_MD_CTX_free(md);
    }
    CHECK(ASYNC_start_job(&job, context, &good, is_kem ? encapsulate : verify, &sent, sizeof(sent))
          == ASYNC_FINISH);
    ASYNC_WAIT_CTX_free(context);
    free(sent);
    return good;
}

int main(int argc, char **argv)
{
    int most = 0, good = 0;
    EVP_PKEY *key;

    if (argc == 3 && strcmp(argv[2], "public") == 0) {
        CHECK(CRYPTO_set_mem_functions(allocate, reallocate, release) == 1);
        key = load(NULL, argv[1]);
        good = use_public_half(key);
        printf("stack %zu\n", deepest());
        EVP_PKEY_free(key);
        return good != 1;
    }

    if (argc == 3 && strcmp(argv[2], "fork") == 0) {
        key = load(NULL, argv[1]);
        fork_while_paused(key, 0);
        fork_while_paused(key, 1);
        EVP_PKEY_free(key);
        return 0;
    }
    if (argc != 2)
        return 2;
    CHECK(CRYPTO_set_mem_functions(allocate, reallocate, release) == 1);
    key = load(NULL, argv[1]);
    abandon_jobs(key);
    sign_in_jobs(key, &good, &most);
    if (good == JOBS * ROUNDS)
        block_pauses(key);
    printf("signed %d, paused %d, stack %zu\n", good, most, deepest());
    EVP_PKEY_free(key);
    return good != JOBS * ROUNDS;
}
