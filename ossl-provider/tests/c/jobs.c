/* A host with async jobs: signs with the key (argument 1) in several jobs at a time, and tells on
 * stdout how many jobs were paused at once and how much of their stacks was used. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <openssl/async.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/store.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);         \
            ERR_print_errors_fp(stderr);                                            \
            exit(1);                                                                \
        }                                                                           \
    } while (0)

#define JOBS 20
#define STACK 32768 /* of async_posix.c */
#define FILLING 0xa5

/* Stacks are as large as nothing else here; they are filled so that their use can be seen. */
static unsigned char *stacks[1024];
static int stack_count;

static void *allocate(size_t size, const char *file, int line)
{
    unsigned char *memory = malloc(size);

    (void)file;
    (void)line;
    if (size == STACK && memory != NULL && stack_count < 1024) {
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

static EVP_PKEY *load(const char *uri)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL);
    EVP_PKEY *key = NULL;

    CHECK(store != NULL);
    while (key == NULL && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info != NULL)
            key = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    CHECK(key != NULL);
    return key;
}

static int sign(void *argument)
{
    static const unsigned char message[] = "signed somewhere else";
    EVP_PKEY *key = *(EVP_PKEY **)argument;
    unsigned char signature[1024];
    size_t length = sizeof(signature);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int good = EVP_DigestSignInit_ex(md, NULL, "SHA256", NULL, NULL, key, NULL) == 1
        && EVP_DigestSign(md, signature, &length, message, sizeof(message)) == 1;

    EVP_MD_CTX_free(md);
    return good;
}

int main(int argc, char **argv)
{
    ASYNC_JOB *jobs[JOBS] = { NULL };
    ASYNC_WAIT_CTX *contexts[JOBS];
    int done[JOBS] = { 0 }, left = JOBS, most = 0, good = 0;
    EVP_PKEY *key;

    if (argc != 2)
        return 2;
    CHECK(CRYPTO_set_mem_functions(allocate, reallocate, release) == 1);
    key = load(argv[1]);
    for (int i = 0; i < JOBS; i++)
        CHECK((contexts[i] = ASYNC_WAIT_CTX_new()) != NULL);
    while (left > 0) {
        struct pollfd waiting[JOBS * 2];
        nfds_t count = 0;
        int paused = 0;

        for (int i = 0; i < JOBS; i++) {
            int result = 0, status;
            OSSL_ASYNC_FD fds[8];
            size_t fd_count = 0;

            if (done[i])
                continue;
            status = ASYNC_start_job(&jobs[i], contexts[i], &result, sign, &key, sizeof(key));
            if (status == ASYNC_PAUSE) {
                paused++;
                CHECK(ASYNC_WAIT_CTX_get_all_fds(contexts[i], NULL, &fd_count) == 1);
                CHECK(fd_count >= 1 && fd_count <= 2);
                CHECK(ASYNC_WAIT_CTX_get_all_fds(contexts[i], fds, &fd_count) == 1);
                for (size_t fd = 0; fd < fd_count; fd++)
                    waiting[count++] = (struct pollfd) { .fd = fds[fd], .events = POLLIN };
                continue;
            }
            CHECK(status == ASYNC_FINISH);
            done[i] = 1;
            good += result;
            left--;
        }
        if (paused > most)
            most = paused;
        if (left > 0)
            CHECK(poll(waiting, count, 10000) > 0);
    }
    if (good != JOBS)
        ERR_print_errors_fp(stderr);
    for (int i = 0; i < JOBS; i++)
        ASYNC_WAIT_CTX_free(contexts[i]);
    printf("signed %d, paused %d, stack %zu\n", good, most, deepest());
    EVP_PKEY_free(key);
    return good != JOBS;
}
