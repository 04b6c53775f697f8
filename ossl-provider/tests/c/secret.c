/* Secret keys in the service as EVP_SKEYs, which OpenSSL has from 3.5 on: the arguments are the URI
 * and the hexadecimal bytes of an AES key of 256 bits and of an HMAC key. What is done with either
 * is done with the bytes too, by the default provider. Built against any OpenSSL 3: the new
 * functions are looked up. Says how keys were loaded. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <openssl/core_names.h>

#include "host.h"

#define SECRET_KEY 2 /* OSSL_SKEYMGMT_SELECT_SECRET_KEY */
#define STORED 7     /* OSSL_STORE_INFO_SKEY of 4.0 */

static void *(*import_key)(OSSL_LIB_CTX *, const char *, const char *, int, const OSSL_PARAM *);
static int (*raw_bytes)(void *, const unsigned char **, size_t *);
static const char *(*key_id)(void *);
static void (*free_key)(void *);
static int (*init_cipher)(EVP_CIPHER_CTX *, const EVP_CIPHER *, void *, const unsigned char *,
                          size_t, int, const OSSL_PARAM *);
static int (*init_mac)(EVP_MAC_CTX *, void *, const OSSL_PARAM *);
static void *(*stored_key)(OSSL_STORE_INFO *);

static const unsigned char iv[16] = {0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xff, 0xff, 0xff, 0xff, 0xfe};

static void *import_uri(const char *type, const char *uri)
{
    OSSL_PARAM params[2] = {OSSL_PARAM_construct_utf8_string("uri", (char *)uri, 0),
                            OSSL_PARAM_construct_end()};

    return import_key(NULL, type, "provider=keyward", SECRET_KEY, params);
}

/* By URI, and where the library takes such keys from stores, from ours. */
static void *load_secret(const char *type, const char *uri)
{
    void *key = import_uri(type, uri);

    CHECK(key != NULL);
    if (stored_key != NULL) {
        OSSL_STORE_CTX *store = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL);
        OSSL_STORE_INFO *info;

        CHECK(store != NULL && OSSL_STORE_expect(store, STORED) == 1);
        info = OSSL_STORE_load(store);
        CHECK(info != NULL && OSSL_STORE_INFO_get_type(info) == STORED);
        free_key(key);
        key = stored_key(info);
        CHECK(key != NULL && OSSL_STORE_load(store) == NULL && OSSL_STORE_eof(store) == 1);
        OSSL_STORE_INFO_free(info);
        OSSL_STORE_close(store);
    }
    CHECK(ERR_peek_error() == 0);
    return key;
}

/* Encrypts or decrypts in pieces of so many bytes, in place; the length of the result. */
static int in_pieces(const EVP_CIPHER *cipher, void *key, int encrypts, int padded, int piece,
                     unsigned char *data, int length)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new(), *copy = EVP_CIPHER_CTX_new();
    unsigned char output[512];
    int total = 0, more;

    CHECK(init_cipher(ctx, cipher, key, iv, sizeof(iv), encrypts, NULL) == 1);
    CHECK(EVP_CIPHER_CTX_set_padding(ctx, padded) == 1);
    for (int done = 0; done < length; done += piece) {
        int now = length - done < piece ? length - done : piece;

        /* A copy goes on as the original would. */
        CHECK(EVP_CIPHER_CTX_copy(copy, ctx) == 1);
        EVP_CIPHER_CTX_free(ctx);
        ctx = copy;
        copy = EVP_CIPHER_CTX_new();
        memcpy(output + total, data + done, now);
        CHECK(EVP_CipherUpdate(ctx, output + total, &more, output + total, now) == 1);
        total += more;
    }
    CHECK(EVP_CipherFinal_ex(ctx, output + total, &more) == 1);
    total += more;
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_CTX_free(copy);
    memcpy(data, output, total);
    return total;
}

static void compare(const char *mode, void *key, const unsigned char *bytes)
{
    static const int pieces[] = {1, 7, 16, 33, 400};
    char name[64];
    EVP_CIPHER *ours, *theirs;
    unsigned char plain[192], expected[256], data[256];

    snprintf(name, sizeof(name), "KEYWARD-AES-256-%s", mode);
    ours = EVP_CIPHER_fetch(NULL, name, NULL);
    theirs = EVP_CIPHER_fetch(NULL, name + strlen("KEYWARD-"), NULL);
    CHECK(ours != NULL && theirs != NULL);
    CHECK(EVP_CIPHER_get_mode(ours) == EVP_CIPHER_get_mode(theirs));
    CHECK(EVP_CIPHER_get_block_size(ours) == EVP_CIPHER_get_block_size(theirs));
    CHECK(EVP_CIPHER_get_iv_length(ours) == EVP_CIPHER_get_iv_length(theirs));
    memset(plain, 0x5c, sizeof(plain));
    for (int round = 0; round < 10; round++) {
        /* With padding any length, without whole blocks. */
        int padded = round < 5, length = padded ? 155 + round : 160, made, more;
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

        CHECK(EVP_EncryptInit_ex2(ctx, theirs, bytes, iv, NULL) == 1);
        CHECK(EVP_CIPHER_CTX_set_padding(ctx, padded) == 1);
        CHECK(EVP_EncryptUpdate(ctx, expected, &made, plain, length) == 1);
        CHECK(EVP_EncryptFinal_ex(ctx, expected + made, &more) == 1);
        made += more;
        EVP_CIPHER_CTX_free(ctx);
        memcpy(data, plain, sizeof(plain));
        CHECK(in_pieces(ours, key, 1, padded, pieces[round % 5], data, length) == made);
        CHECK(memcmp(data, expected, made) == 0);
        CHECK(in_pieces(ours, key, 0, padded, pieces[round % 5], data, made) == length);
        CHECK(memcmp(data, plain, length) == 0);
    }
    EVP_CIPHER_free(ours);
    EVP_CIPHER_free(theirs);
}

/* Nothing is left at the end of a stream, so no buffer is needed. */
static void ends_without_a_buffer(void *key)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "KEYWARD-AES-256-CTR", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char output[32];
    int length;

    CHECK(init_cipher(ctx, cipher, key, iv, sizeof(iv), 1, NULL) == 1);
    CHECK(EVP_EncryptUpdate(ctx, output, &length, message, 20) == 1 && length == 20);
    CHECK(EVP_EncryptFinal_ex(ctx, NULL, &length) == 1 && length == 0);
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
}

static void authenticated(void *key, const unsigned char *bytes)
{
    EVP_CIPHER *ours = EVP_CIPHER_fetch(NULL, "KEYWARD-AES-256-GCM", NULL);
    EVP_CIPHER *theirs = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    unsigned char sealed[64], opened[64], nonce[12], tag[16], part[12];
    int length, more;

    CHECK(ours != NULL && theirs != NULL);
    for (int round = 0; round < 3; round++) {
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        int size = round == 0 ? 0 : (int)sizeof(message);

        /* The service draws the nonce: who brings one is refused. */
        CHECK(init_cipher(ctx, ours, key, iv, 12, 1, NULL) != 1);
        ERR_clear_error();
        CHECK(init_cipher(ctx, ours, key, NULL, 0, 1, NULL) == 1);
        /* Before the message there is no tag. */
        CHECK(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, sizeof(tag), tag) != 1);
        ERR_clear_error();
        CHECK(EVP_EncryptUpdate(ctx, NULL, &length, message, 3) == 1);
        CHECK(EVP_EncryptUpdate(ctx, NULL, &length, message + 3, 4) == 1);
        length = 0;
        if (size > 0)
            CHECK(EVP_EncryptUpdate(ctx, sealed, &length, message, size) == 1);
        CHECK(EVP_EncryptFinal_ex(ctx, sealed + length, &more) == 1 && length + more == size);
        CHECK(EVP_CIPHER_CTX_get_updated_iv(ctx, nonce, sizeof(nonce)) == 1);
        CHECK(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, sizeof(tag), tag) == 1);
        /* A part of the tag is one too, if it is long enough for the service. */
        CHECK(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 12, part) == 1);
        CHECK(memcmp(part, tag, 12) == 0);
        CHECK(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 11, part) != 1);
        ERR_clear_error();
        /* A message comes in one piece. */
        CHECK(EVP_EncryptUpdate(ctx, sealed, &length, message, 1) != 1);
        ERR_clear_error();
        EVP_CIPHER_CTX_free(ctx);

        for (int other = 0; other < 2; other++) {
            for (int wrong = 0; wrong < 2; wrong++) {
                int tag_size = round == 2 ? 12 : 16;

                ctx = EVP_CIPHER_CTX_new();
                if (other)
                    CHECK(EVP_DecryptInit_ex2(ctx, theirs, bytes, nonce, NULL) == 1);
                else
                    CHECK(init_cipher(ctx, ours, key, nonce, sizeof(nonce), 0, NULL) == 1);
                tag[5] ^= wrong;
                CHECK(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, tag_size, tag) == 1);
                tag[5] ^= wrong;
                CHECK(EVP_DecryptUpdate(ctx, NULL, &length, message, 7) == 1);
                more = size == 0 || EVP_DecryptUpdate(ctx, opened, &length, sealed, size);
                CHECK(more == 1 || wrong);
                /* A message that failed stays so, also for who did not look at first. */
                CHECK(EVP_DecryptFinal_ex(ctx, opened, &length) == !wrong);
                if (!wrong)
                    CHECK(memcmp(opened, message, size) == 0);
                ERR_clear_error();
                EVP_CIPHER_CTX_free(ctx);
            }
        }
    }
    EVP_CIPHER_free(ours);
    EVP_CIPHER_free(theirs);
}

/* More than one request carries, in one update and in place. */
static void large(const char *mode, void *key, const unsigned char *bytes)
{
    enum { SIZE = 5 << 20 };
    unsigned char *data = OPENSSL_malloc(SIZE + 16), *expected = OPENSSL_malloc(SIZE + 16);
    char name[64];
    EVP_CIPHER *ours, *theirs;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int made, more, expected_length;

    snprintf(name, sizeof(name), "KEYWARD-AES-256-%s", mode);
    ours = EVP_CIPHER_fetch(NULL, name, NULL);
    theirs = EVP_CIPHER_fetch(NULL, name + strlen("KEYWARD-"), NULL);
    CHECK(data != NULL && expected != NULL && ours != NULL && theirs != NULL);
    for (int at = 0; at < SIZE; at++)
        data[at] = at * 7 + (at >> 12);
    CHECK(EVP_EncryptInit_ex2(ctx, theirs, bytes, iv, NULL) == 1);
    CHECK(EVP_EncryptUpdate(ctx, expected, &expected_length, data, SIZE) == 1);
    CHECK(EVP_EncryptFinal_ex(ctx, expected + expected_length, &more) == 1);
    expected_length += more;
    EVP_CIPHER_CTX_free(ctx);
    ctx = EVP_CIPHER_CTX_new();
    CHECK(init_cipher(ctx, ours, key, iv, sizeof(iv), 1, NULL) == 1);
    CHECK(EVP_CipherUpdate(ctx, data, &made, data, SIZE) == 1);
    CHECK(EVP_CipherFinal_ex(ctx, data + made, &more) == 1);
    CHECK(made + more == expected_length && memcmp(data, expected, expected_length) == 0);
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(ours);
    EVP_CIPHER_free(theirs);
    OPENSSL_free(data);
    OPENSSL_free(expected);
}

static void code(const char *name, void *key, const unsigned char *bytes, size_t length,
                 const char *parameter, const char *value)
{
    char ours[32];
    OSSL_PARAM params[2] = {OSSL_PARAM_construct_utf8_string(parameter, (char *)value, 0),
                            OSSL_PARAM_construct_end()};
    unsigned char made[64], expected[64];
    size_t size, expected_size;
    EVP_MAC *mac;
    EVP_MAC_CTX *ctx;

    snprintf(ours, sizeof(ours), "KEYWARD-%s", name);
    CHECK((mac = EVP_MAC_fetch(NULL, ours, NULL)) != NULL);
    CHECK((ctx = EVP_MAC_CTX_new(mac)) != NULL);
    CHECK(init_mac(ctx, key, params) == 1);
    CHECK(EVP_MAC_update(ctx, message, 5) == 1);
    CHECK(EVP_MAC_update(ctx, message + 5, sizeof(message) - 5) == 1);
    CHECK(EVP_MAC_final(ctx, made, &size, sizeof(made)) == 1);
    CHECK(EVP_MAC_CTX_get_mac_size(ctx) == size);
    /* The message has ended; the next begins with a start. */
    CHECK(EVP_MAC_update(ctx, message, 5) != 1);
    CHECK(EVP_MAC_final(ctx, expected, &size, sizeof(expected)) != 1);
    ERR_clear_error();
    CHECK(init_mac(ctx, key, params) == 1);
    CHECK(EVP_MAC_update(ctx, message, sizeof(message)) == 1);
    CHECK(EVP_MAC_final(ctx, expected, &size, sizeof(expected)) == 1);
    CHECK(memcmp(made, expected, size) == 0);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);

    CHECK((mac = EVP_MAC_fetch(NULL, name, NULL)) != NULL);
    CHECK((ctx = EVP_MAC_CTX_new(mac)) != NULL);
    CHECK(EVP_MAC_init(ctx, bytes, length, params) == 1);
    CHECK(EVP_MAC_update(ctx, message, sizeof(message)) == 1);
    CHECK(EVP_MAC_final(ctx, expected, &expected_size, sizeof(expected)) == 1);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
    CHECK(size == expected_size && memcmp(made, expected, size) == 0);
}

/* A piece of a message that fails, here because the key is deleted meanwhile, ends the message: what
 * came later would not belong to what went before. */
static void broken(void *key)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "KEYWARD-AES-256-CBC", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char output[64];
    int length;

    CHECK(init_cipher(ctx, cipher, key, iv, sizeof(iv), 1, NULL) == 1);
    CHECK(EVP_EncryptUpdate(ctx, output, &length, iv, 16) == 1 && length == 16);
    printf("delete it\n");
    fflush(stdout);
    getchar();
    CHECK(EVP_EncryptUpdate(ctx, output, &length, iv, 16) != 1);
    ERR_print_errors_fp(stdout);
    CHECK(EVP_EncryptUpdate(ctx, output, &length, iv, 16) != 1);
    CHECK(EVP_EncryptFinal_ex(ctx, output, &length) != 1);
    ERR_print_errors_fp(stdout);
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
}

/* What nobody gets: the bytes of a key, and our ciphers for bytes of his own. */
static void refusals(void *key, const unsigned char *bytes)
{
    /* An address that leads nowhere, where a store would name one of its keys. */
    unsigned char nowhere[sizeof(void *)] = {8};
    OSSL_PARAM foreign[2] = {
        OSSL_PARAM_construct_octet_string("reference", nowhere, sizeof(nowhere)),
        OSSL_PARAM_construct_end()};
    EVP_CIPHER *ours = EVP_CIPHER_fetch(NULL, "KEYWARD-AES-256-CBC", NULL);
    EVP_CIPHER *small = EVP_CIPHER_fetch(NULL, "KEYWARD-AES-128-CBC", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const unsigned char *raw;
    size_t length;
    void *again;

    CHECK(raw_bytes(key, &raw, &length) != 1);
    CHECK(EVP_EncryptInit_ex2(ctx, ours, bytes, iv, NULL) != 1);
    CHECK(init_cipher(ctx, small, key, iv, sizeof(iv), 1, NULL) != 1);
    CHECK(import_uri("KEYWARD-HMAC", key_id(key)) == NULL);
    CHECK(import_key(NULL, "KEYWARD-AES", "provider=keyward", SECRET_KEY, foreign) == NULL);
    ERR_clear_error();
    CHECK(strncmp(key_id(key), "keyward:id=", 11) == 0);
    CHECK((again = import_uri("KEYWARD-AES", key_id(key))) != NULL);
    free_key(again);
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(ours);
    EVP_CIPHER_free(small);
}

int main(int argc, char **argv)
{
    void *aes, *hmac;
    unsigned char *aes_bytes, *hmac_bytes;
    long hmac_length;

    CHECK(argc == 5 || argc == 3);
    *(void **)&import_key = dlsym(RTLD_DEFAULT, "EVP_SKEY_import");
    if (import_key == NULL) {
        EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "KEYWARD-AES-256-CBC", NULL);
        EVP_MAC *mac = EVP_MAC_fetch(NULL, "KEYWARD-HMAC", NULL);

        CHECK(cipher == NULL && mac == NULL);
        printf("not at all\n");
        return 0;
    }
    *(void **)&raw_bytes = dlsym(RTLD_DEFAULT, "EVP_SKEY_get0_raw_key");
    *(void **)&key_id = dlsym(RTLD_DEFAULT, "EVP_SKEY_get0_key_id");
    *(void **)&free_key = dlsym(RTLD_DEFAULT, "EVP_SKEY_free");
    *(void **)&init_cipher = dlsym(RTLD_DEFAULT, "EVP_CipherInit_SKEY");
    *(void **)&init_mac = dlsym(RTLD_DEFAULT, "EVP_MAC_init_SKEY");
    *(void **)&stored_key = dlsym(RTLD_DEFAULT, "OSSL_STORE_INFO_get1_SKEY");

    aes = load_secret("KEYWARD-AES", argv[1]);
    if (argc == 3) {
        broken(aes);
        free_key(aes);
        return 0;
    }
    hmac = load_secret("KEYWARD-HMAC", argv[3]);
    aes_bytes = OPENSSL_hexstr2buf(argv[2], NULL);
    hmac_bytes = OPENSSL_hexstr2buf(argv[4], &hmac_length);
    compare("CBC", aes, aes_bytes);
    compare("CTR", aes, aes_bytes);
    ends_without_a_buffer(aes);
    large("CBC", aes, aes_bytes);
    large("CTR", aes, aes_bytes);
    authenticated(aes, aes_bytes);
    code("HMAC", hmac, hmac_bytes, hmac_length, OSSL_MAC_PARAM_DIGEST, "SHA2-256");
    code("HMAC", hmac, hmac_bytes, hmac_length, OSSL_MAC_PARAM_DIGEST, "SHA512");
    code("CMAC", aes, aes_bytes, 32, OSSL_MAC_PARAM_CIPHER, "AES-256-CBC");
    refusals(aes, aes_bytes);
    CHECK(ERR_peek_error() == 0);
    OPENSSL_free(aes_bytes);
    OPENSSL_free(hmac_bytes);
    free_key(aes);
    free_key(hmac);
    printf(stored_key != NULL ? "by URI and from a store\n" : "by URI\n");
    OPENSSL_cleanup();
    return 0;
}
