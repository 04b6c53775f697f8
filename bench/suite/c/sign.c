/* Signs so many times what a TLS 1.3 server signs, and by the calls by which libssl does it: sign URI
 * DIGEST COUNT, "-" for keys that take no digest. Prints the nanoseconds of processor time in user
 * mode that a signature took. */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/store.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "error: %s\n", #condition); \
            exit(1); \
        } \
    } while (0)

/* What a CertificateVerify is made over with SHA-256: 98 bytes and a digest (RFC 8446, 4.4.3). */
static unsigned char message[98 + 32];

static EVP_PKEY *load(const char *uri)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL);
    OSSL_STORE_INFO *info;
    EVP_PKEY *key;

    CHECK(store != NULL && OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1);
    info = OSSL_STORE_load(store);
    CHECK(info != NULL);
    key = OSSL_STORE_INFO_get1_PKEY(info);
    OSSL_STORE_INFO_free(info);
    OSSL_STORE_close(store);
    return key;
}

static void sign(EVP_PKEY *key, const char *digest)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters;
    unsigned char *signature;
    size_t length = 0;

    CHECK(ctx != NULL);
    CHECK(EVP_DigestSignInit_ex(ctx, &parameters, digest, NULL, NULL, key, NULL) == 1);
    if (EVP_PKEY_is_a(key, "RSA")) {
        CHECK(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1);
        CHECK(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1);
    }
    CHECK(EVP_DigestSign(ctx, NULL, &length, message, sizeof(message)) == 1);
    CHECK((signature = OPENSSL_malloc(length)) != NULL);
    CHECK(EVP_DigestSign(ctx, signature, &length, message, sizeof(message)) == 1);
    OPENSSL_free(signature);
    EVP_MD_CTX_free(ctx);
}

static double user_nanoseconds(void)
{
    struct rusage usage;

    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_utime.tv_sec * 1e9 + usage.ru_utime.tv_usec * 1e3;
}

int main(int argc, char **argv)
{
    EVP_PKEY *key;
    double begin;
    long count;

    CHECK(argc == 4);
    memset(message, ' ', sizeof(message));
    key = load(argv[1]);
    count = strtol(argv[3], NULL, 10);
    begin = user_nanoseconds();
    for (long i = 0; i < count; i++)
        sign(key, strcmp(argv[2], "-") == 0 ? NULL : argv[2]);
    printf("%.1f\n", count > 0 ? (user_nanoseconds() - begin) / count : 0.0);
    EVP_PKEY_free(key);
    return 0;
}
