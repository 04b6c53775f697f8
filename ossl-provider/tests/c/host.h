/* What the host applications in miniature share. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/store.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);         \
            ERR_print_errors_fp(stderr);                                            \
            exit(1);                                                                \
        }                                                                           \
    } while (0)

static const unsigned char message[] = "signed somewhere else";

/* Loads a key; whoever has to be asked something is asked by the method. */
static inline EVP_PKEY *load_asking(OSSL_LIB_CTX *libctx, const char *uri, const UI_METHOD *method,
                                    void *argument)
{
    OSSL_STORE_CTX *store =
        OSSL_STORE_open_ex(uri, libctx, NULL, method, argument, NULL, NULL, NULL);
    EVP_PKEY *key = NULL;

    CHECK(store != NULL);
    while (key == NULL && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
            key = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    CHECK(key != NULL);
    CHECK(ERR_peek_error() == 0);
    return key;
}

static inline EVP_PKEY *load(OSSL_LIB_CTX *libctx, const char *uri)
{
    return load_asking(libctx, uri, NULL, NULL);
}

/* The same key without its origin: as a stranger reads it from a certificate. */
static inline EVP_PKEY *public_half(OSSL_LIB_CTX *libctx, EVP_PKEY *key)
{
    unsigned char *der = NULL;
    const unsigned char *next;
    int length = i2d_PUBKEY(key, &der);
    EVP_PKEY *public;

    CHECK(length > 0);
    next = der;
    public = d2i_PUBKEY_ex(NULL, &next, length, libctx, NULL);
    CHECK(public != NULL);
    OPENSSL_free(der);
    return public;
}

static inline void sign_and_verify(OSSL_LIB_CTX *libctx, EVP_PKEY *key, EVP_PKEY *public)
{
    const char *digest = EVP_PKEY_is_a(key, "ED25519") ? NULL : "SHA256";
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    size_t length = 0;
    unsigned char *signature;

    CHECK(EVP_DigestSignInit_ex(md, NULL, digest, libctx, NULL, key, NULL) == 1);
    CHECK(EVP_DigestSign(md, NULL, &length, message, sizeof(message)) == 1);
    signature = malloc(length);
    CHECK(EVP_DigestSign(md, signature, &length, message, sizeof(message)) == 1);
    EVP_MD_CTX_free(md);

    md = EVP_MD_CTX_new();
    CHECK(EVP_DigestVerifyInit_ex(md, NULL, digest, libctx, NULL, public, NULL) == 1);
    CHECK(EVP_DigestVerify(md, signature, length, message, sizeof(message)) == 1);
    EVP_MD_CTX_free(md);
    CHECK(ERR_peek_error() == 0);
    free(signature);
}
