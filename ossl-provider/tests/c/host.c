/* A host application in miniature: loads a key by URI or file, signs with it in the way that the
 * first argument names, and has the default provider verify. Exits with 0 if all went well. */
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

/* Loads the provider into a library context of its own, signs, and lets go of it all. */
static void once(const char *uri)
{
    OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
    EVP_PKEY *key, *public, *copy;

    CHECK(OSSL_LIB_CTX_load_config(libctx, getenv("OPENSSL_CONF")));
    key = load(libctx, uri);
    public = public_half(libctx, key);
    copy = EVP_PKEY_dup(key);
    CHECK(copy != NULL);
    CHECK(EVP_PKEY_eq(key, public) == 1 && EVP_PKEY_eq(public, key) == 1);
    EVP_PKEY_free(key);
    sign_and_verify(libctx, copy, public);
    EVP_PKEY_free(copy);
    EVP_PKEY_free(public);
    OSSL_LIB_CTX_free(libctx);
}

/* The key goes after the library context that it came from has been freed. */
static void late(const char *uri)
{
    OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
    EVP_PKEY *key;

    CHECK(OSSL_LIB_CTX_load_config(libctx, getenv("OPENSSL_CONF")));
    key = load(libctx, uri);
    OSSL_LIB_CTX_free(libctx);
    EVP_PKEY_free(key);
}

static void in_child(void (*body)(EVP_PKEY *, EVP_PKEY *), EVP_PKEY *key, EVP_PKEY *public)
{
    int status;
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        body(key, public);
        exit(0);
    }
    body(key, public);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void many(EVP_PKEY *key, EVP_PKEY *public)
{
    for (int i = 0; i < 50; i++)
        sign_and_verify(NULL, key, public);
}

/* Forks with a connection open, and again while a signature is half done. */
static void forking(const char *uri)
{
    EVP_PKEY *key = load(NULL, uri);
    EVP_PKEY *public = public_half(NULL, key);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char signature[1024];
    size_t length = sizeof(signature);
    int status;
    pid_t pid;

    in_child(many, key, public);
    sign_and_verify(NULL, key, public);
    in_child(many, key, public);

    CHECK(EVP_DigestSignInit_ex(md, NULL, "SHA256", NULL, NULL, key, NULL) == 1);
    CHECK(EVP_DigestSignUpdate(md, message, sizeof(message)) == 1);
    pid = fork();
    CHECK(pid >= 0);
    CHECK(EVP_DigestSignFinal(md, signature, &length) == 1);
    EVP_MD_CTX_free(md);
    if (pid == 0)
        exit(0);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EVP_PKEY_free(key);
    EVP_PKEY_free(public);
}

struct pair {
    EVP_PKEY *key, *public;
};

static void *thread(void *argument)
{
    struct pair *pair = argument;

    many(pair->key, pair->public);
    return NULL;
}

static void threads(const char *uri)
{
    struct pair pair;
    pthread_t ids[8];

    pair.key = load(NULL, uri);
    pair.public = public_half(NULL, pair.key);
    for (int i = 0; i < 8; i++)
        CHECK(pthread_create(&ids[i], NULL, thread, &pair) == 0);
    for (int i = 0; i < 8; i++)
        CHECK(pthread_join(ids[i], NULL) == 0);
    EVP_PKEY_free(pair.key);
    EVP_PKEY_free(pair.public);
}

/* A thread outlives the library context in which it signed. */
static void *lone_thread(void *argument)
{
    once(argument);
    return NULL;
}

/* Streaming, over a copied context, half-done contexts by the dozen. */
static void streams(const char *uri)
{
    EVP_PKEY *key = load(NULL, uri);
    EVP_MD_CTX *contexts[40];
    unsigned char signature[1024];

    for (int i = 0; i < 40; i++) {
        contexts[i] = EVP_MD_CTX_new();
        CHECK(EVP_DigestSignInit_ex(contexts[i], NULL, "SHA384", NULL, NULL, key, NULL) == 1);
        CHECK(EVP_DigestSignUpdate(contexts[i], message, 5) == 1);
    }
    for (int i = 0; i < 40; i++) {
        EVP_MD_CTX *verify = EVP_MD_CTX_new(), *copy = EVP_MD_CTX_new();
        size_t length = sizeof(signature);

        CHECK(EVP_MD_CTX_copy_ex(copy, contexts[i]) == 1);
        CHECK(EVP_DigestSignUpdate(contexts[i], message + 5, sizeof(message) - 5) == 1);
        CHECK(EVP_DigestSignUpdate(copy, "other", 5) == 1);
        CHECK(EVP_DigestSignFinal(contexts[i], signature, &length) == 1);
        CHECK(EVP_DigestVerifyInit_ex(verify, NULL, "SHA384", NULL, NULL, key, NULL) == 1);
        CHECK(EVP_DigestVerify(verify, signature, length, message, sizeof(message)) == 1);
        EVP_MD_CTX_free(verify);
        EVP_MD_CTX_free(contexts[i]);
        EVP_MD_CTX_free(copy);
    }
    EVP_PKEY_free(key);
}

/* The way libssl asks which digests a key goes with. */
static void probes(const char *uri)
{
    EVP_PKEY *key = load(NULL, uri);

    CHECK(EVP_PKEY_digestsign_supports_digest(key, NULL, "SHA256", NULL) == 1);
    CHECK(EVP_PKEY_digestsign_supports_digest(key, NULL, "SHA3-512", NULL) == 1);
    CHECK(EVP_PKEY_digestsign_supports_digest(key, NULL, "MD5", NULL) != 1);
    CHECK(EVP_PKEY_digestsign_supports_digest(key, NULL, "MD4", NULL) != 1);
    CHECK(EVP_PKEY_digestsign_supports_digest(key, NULL, "nonsense", NULL) != 1);
    EVP_PKEY_free(key);
}

/* Where a key is not to be had, the end is reached all the same: servers loop until it is. */
static void absent(const char *uri)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    int tries = 0;

    CHECK(store != NULL);
    while (!OSSL_STORE_eof(store)) {
        CHECK(OSSL_STORE_load(store) == NULL);
        CHECK(++tries < 3);
    }
    OSSL_STORE_close(store);
    ERR_print_errors_fp(stdout);
}

int main(int argc, char **argv)
{
    const char *mode = argv[1], *uri = argv[2];

    if (argc != 3)
        return 2;
    if (strcmp(mode, "loop") == 0) {
        for (int i = 0; i < 20; i++)
            once(uri);
    } else if (strcmp(mode, "late") == 0) {
        late(uri);
    } else if (strcmp(mode, "fork") == 0) {
        forking(uri);
    } else if (strcmp(mode, "threads") == 0) {
        threads(uri);
    } else if (strcmp(mode, "lone-thread") == 0) {
        pthread_t id;

        CHECK(pthread_create(&id, NULL, lone_thread, (void *)uri) == 0);
        CHECK(pthread_join(id, NULL) == 0);
    } else if (strcmp(mode, "streams") == 0) {
        streams(uri);
    } else if (strcmp(mode, "probes") == 0) {
        probes(uri);
    } else if (strcmp(mode, "absent") == 0) {
        absent(uri);
    } else {
        return 2;
    }
    /* From 4.0 on nothing else cleans up. */
    OPENSSL_cleanup();
    return 0;
}
