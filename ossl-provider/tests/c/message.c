/* The message functions of OpenSSL 3.4 and later: signs with a key by URI (argument 1) and one
 * algorithm fetched by its name (argument 2), at once and piece by piece, and verifies here and with
 * the default provider. Built against any OpenSSL 3: the new functions are looked up. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <openssl/core_names.h>

#include "host.h"

typedef int init_fn(EVP_PKEY_CTX *, EVP_SIGNATURE *, const OSSL_PARAM *);

static init_fn *sign_message_init, *verify_message_init, *sign_init_ex2, *verify_init_ex2;
static int (*sign_message_update)(EVP_PKEY_CTX *, const unsigned char *, size_t);
static int (*verify_message_update)(EVP_PKEY_CTX *, const unsigned char *, size_t);
static int (*sign_message_final)(EVP_PKEY_CTX *, unsigned char *, size_t *);
static int (*verify_message_final)(EVP_PKEY_CTX *);
static int (*set_signature)(EVP_PKEY_CTX *, const unsigned char *, size_t);

static void *look_up(const char *name)
{
    void *function = dlsym(RTLD_DEFAULT, name);

    CHECK(function != NULL);
    return function;
}

static EVP_PKEY_CTX *begin(EVP_PKEY *key, init_fn *init, EVP_SIGNATURE *algorithm)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

    CHECK(ctx != NULL);
    CHECK(init(ctx, algorithm, NULL) == 1);
    return ctx;
}

/* Verifies at once and, where the algorithm can, piece by piece, and that another message fails. */
static void verify(EVP_PKEY *key, EVP_SIGNATURE *algorithm, int streams,
                   const unsigned char *signature, size_t length)
{
    EVP_PKEY_CTX *ctx = begin(key, verify_message_init, algorithm);

    CHECK(EVP_PKEY_verify(ctx, signature, length, message, sizeof(message)) == 1);
    EVP_PKEY_CTX_free(ctx);
    CHECK(ERR_peek_error() == 0);
    ctx = begin(key, verify_message_init, algorithm);
    CHECK(EVP_PKEY_verify(ctx, signature, length, message, sizeof(message) - 1) != 1);
    EVP_PKEY_CTX_free(ctx);
    /* That the core reports. */
    ERR_clear_error();
    if (!streams)
        return;
    ctx = begin(key, verify_message_init, algorithm);
    CHECK(set_signature(ctx, signature, length) == 1);
    CHECK(verify_message_update(ctx, message, 7) == 1);
    CHECK(verify_message_update(ctx, message + 7, sizeof(message) - 7) == 1);
    CHECK(verify_message_final(ctx) == 1);
    EVP_PKEY_CTX_free(ctx);
}

int main(int argc, char **argv)
{
    EVP_SIGNATURE *ours, *theirs;
    EVP_PKEY *key, *public;
    EVP_PKEY_CTX *ctx;
    unsigned char signature[8192];
    size_t length;
    int streams, names_digest;

    if (argc != 3)
        return 2;
    sign_message_init = look_up("EVP_PKEY_sign_message_init");
    verify_message_init = look_up("EVP_PKEY_verify_message_init");
    sign_init_ex2 = look_up("EVP_PKEY_sign_init_ex2");
    verify_init_ex2 = look_up("EVP_PKEY_verify_init_ex2");
    sign_message_update = look_up("EVP_PKEY_sign_message_update");
    verify_message_update = look_up("EVP_PKEY_verify_message_update");
    sign_message_final = look_up("EVP_PKEY_sign_message_final");
    verify_message_final = look_up("EVP_PKEY_verify_message_final");
    set_signature = look_up("EVP_PKEY_CTX_set_signature");

    key = load(NULL, argv[1]);
    public = public_half(NULL, key);
    ours = EVP_SIGNATURE_fetch(NULL, argv[2], "provider=keyward");
    theirs = EVP_SIGNATURE_fetch(NULL, argv[2], "provider=default");
    CHECK(ours != NULL && theirs != NULL);
    /* Algorithms that name a digest take the message in pieces. Of the others our ML-DSA does,
     * and that of OpenSSL from 3.6 on. */
    names_digest = strchr(argv[2], '-') != NULL && strncmp(argv[2], "ML-", 3) != 0;
    streams = strchr(argv[2], '-') != NULL;

    ctx = begin(key, sign_message_init, ours);
    CHECK(EVP_PKEY_sign(ctx, NULL, &length, message, sizeof(message)) == 1);
    CHECK(length <= sizeof(signature));
    CHECK(EVP_PKEY_sign(ctx, signature, &length, message, sizeof(message)) == 1);
    EVP_PKEY_CTX_free(ctx);
    verify(key, ours, streams, signature, length);
    verify(public, theirs, names_digest, signature, length);

    if (streams) {
        length = sizeof(signature);
        ctx = begin(key, sign_message_init, ours);
        CHECK(sign_message_update(ctx, message, 5) == 1);
        CHECK(sign_message_update(ctx, message + 5, sizeof(message) - 5) == 1);
        CHECK(sign_message_final(ctx, signature, &length) == 1);
        EVP_PKEY_CTX_free(ctx);
        verify(public, theirs, names_digest, signature, length);
    }
    if (names_digest) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned int size;
        const char *name = strchr(argv[2], '-') + 1;
        EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);

        /* The same algorithm over a digest that the program made. */
        CHECK(md != NULL && EVP_Digest(message, sizeof(message), digest, &size, md, NULL) == 1);
        EVP_MD_free(md);
        length = sizeof(signature);
        ctx = begin(key, sign_init_ex2, ours);
        CHECK(EVP_PKEY_sign(ctx, signature, &length, digest, size) == 1);
        EVP_PKEY_CTX_free(ctx);
        verify(public, theirs, names_digest, signature, length);
        ctx = begin(key, verify_init_ex2, ours);
        CHECK(EVP_PKEY_verify(ctx, signature, length, digest, size) == 1);
        EVP_PKEY_CTX_free(ctx);

        /* A choice that the algorithm does not leave. */
        ctx = begin(key, sign_init_ex2, ours);
        CHECK(EVP_PKEY_CTX_set_signature_md(ctx, EVP_md5()) != 1);
        EVP_PKEY_CTX_free(ctx);
        ERR_clear_error();
    }
    CHECK(ERR_peek_error() == 0);
    EVP_SIGNATURE_free(ours);
    EVP_SIGNATURE_free(theirs);
    EVP_PKEY_free(key);
    EVP_PKEY_free(public);
    return 0;
}
