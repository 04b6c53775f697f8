/* What a program may expect of contexts, buffers and parameters, as OpenSSL's manual pages have it.
 * The first argument names what is tried, the second the key by its URI. Exits with 0 if all is as
 * the default provider has it. */
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>

#include "host.h"

static EVP_MD_CTX *begin(EVP_PKEY *key, int signs)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();

    if (signs)
        CHECK(EVP_DigestSignInit_ex(md, NULL, "SHA256", NULL, NULL, key, NULL) == 1);
    else
        CHECK(EVP_DigestVerifyInit_ex(md, NULL, "SHA256", NULL, NULL, key, NULL) == 1);
    return md;
}

static void check(EVP_PKEY *public, const unsigned char *signature, size_t length, size_t signed_bytes)
{
    EVP_MD_CTX *md = begin(public, 0);

    CHECK(EVP_DigestVerify(md, signature, length, message, signed_bytes) == 1);
    EVP_MD_CTX_free(md);
}

/* Whether a signature is made of a piece and the rest in one call, which then has to be over both. */
static int ends_with_the_rest(EVP_PKEY *key)
{
    EVP_MD_CTX *md = begin(key, 1);
    unsigned char signature[1024];
    size_t length = sizeof(signature);
    int made;

    CHECK(EVP_DigestSignUpdate(md, message, 5) == 1);
    made = EVP_DigestSign(md, signature, &length, message + 5, sizeof(message) - 5) == 1;
    EVP_MD_CTX_free(md);
    ERR_clear_error();
    if (!made)
        return 0;
    check(key, signature, length, sizeof(message));
    md = begin(key, 0);
    CHECK(EVP_DigestVerifyUpdate(md, message, 5) == 1);
    CHECK(EVP_DigestVerify(md, signature, length, message + 5, sizeof(message) - 5) == 1);
    EVP_MD_CTX_free(md);
    return 1;
}

static void messages(const char *uri)
{
    EVP_PKEY *key = load(NULL, uri), *public = public_half(NULL, key);
    EVP_PKEY *theirs = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    unsigned char signature[1024];
    size_t length = sizeof(signature);
    EVP_MD_CTX *md;

    CHECK(ends_with_the_rest(key) == ends_with_the_rest(theirs));

    /* A message without a byte. */
    md = begin(key, 1);
    CHECK(EVP_DigestSignFinal(md, signature, &length) == 1);
    EVP_MD_CTX_free(md);
    check(public, signature, length, 0);

    /* Neither a question for the size nor a buffer that is too small ends a message. */
    md = begin(key, 1);
    CHECK(EVP_DigestSignUpdate(md, message, sizeof(message)) == 1);
    CHECK(EVP_DigestSignFinal(md, NULL, &length) == 1);
    CHECK(length == (size_t)EVP_PKEY_get_size(key));
    length--;
    CHECK(EVP_DigestSignFinal(md, signature, &length) != 1);
    ERR_clear_error();
    length = sizeof(signature);
    CHECK(EVP_DigestSignFinal(md, signature, &length) == 1);
    EVP_MD_CTX_free(md);
    check(public, signature, length, sizeof(message));

    /* After its end, where it works on no copy, there is nothing more to sign. */
    md = begin(key, 1);
    EVP_MD_CTX_set_flags(md, EVP_MD_CTX_FLAG_FINALISE);
    CHECK(EVP_DigestSignUpdate(md, message, sizeof(message)) == 1);
    length = sizeof(signature);
    CHECK(EVP_DigestSignFinal(md, signature, &length) == 1);
    check(public, signature, length, sizeof(message));
    CHECK(EVP_DigestSignUpdate(md, message, sizeof(message)) != 1);
    CHECK(EVP_DigestSignFinal(md, signature, &length) != 1);
    ERR_clear_error();
    /* And then from the start. */
    CHECK(EVP_DigestSignInit_ex(md, NULL, "SHA256", NULL, NULL, key, NULL) == 1);
    CHECK(EVP_DigestSignUpdate(md, message, 7) == 1);
    length = sizeof(signature);
    CHECK(EVP_DigestSignFinal(md, signature, &length) == 1);
    EVP_MD_CTX_free(md);
    check(public, signature, length, 7);

    EVP_PKEY_free(key);
    EVP_PKEY_free(public);
    EVP_PKEY_free(theirs);
}

/* Buffers for what an RSA key makes, and the choices of OAEP. */
static void buffers(const char *uri)
{
    EVP_PKEY *key = load(NULL, uri), *public = public_half(NULL, key);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    EVP_PKEY_CTX *theirs = EVP_PKEY_CTX_new_from_pkey(NULL, public, NULL);
    unsigned char digest[32] = {7}, made[1024], sealed[1024], *label = OPENSSL_malloc(3);
    size_t size = EVP_PKEY_get_size(key), length, sealed_length = sizeof(sealed);

    CHECK(EVP_PKEY_sign_init(ctx) == 1);
    CHECK(EVP_PKEY_sign(ctx, NULL, &length, digest, sizeof(digest)) == 1 && length == size);
    length = size - 1;
    CHECK(EVP_PKEY_sign(ctx, made, &length, digest, sizeof(digest)) != 1);
    ERR_clear_error();
    length = size;
    CHECK(EVP_PKEY_sign(ctx, made, &length, digest, sizeof(digest)) == 1 && length == size);

    /* Whether there is room for a plaintext is not to tell how long it is. */
    CHECK(EVP_PKEY_encrypt_init(theirs) == 1);
    CHECK(EVP_PKEY_encrypt(theirs, sealed, &sealed_length, message, 5) == 1);
    CHECK(EVP_PKEY_decrypt_init(ctx) == 1);
    CHECK(EVP_PKEY_decrypt(ctx, NULL, &length, sealed, sealed_length) == 1 && length == size);
    length = 5;
    CHECK(EVP_PKEY_decrypt(ctx, made, &length, sealed, sealed_length) != 1);
    ERR_clear_error();
    length = size;
    CHECK(EVP_PKEY_decrypt(ctx, made, &length, sealed, sealed_length) == 1);
    CHECK(length == 5 && memcmp(made, message, 5) == 0);

    CHECK(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1);
    memcpy(label, "abc", 3);
    CHECK(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, 3) == 1);
    CHECK(EVP_PKEY_CTX_get0_rsa_oaep_label(ctx, &label) == 3 && memcmp(label, "abc", 3) == 0);

    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_CTX_free(theirs);
    EVP_PKEY_free(key);
    EVP_PKEY_free(public);
}

static EVP_PKEY *load_public_half(const char *uri)
{
    char public_uri[256];
    OSSL_STORE_CTX *store;
    OSSL_STORE_INFO *info;
    EVP_PKEY *key;

    snprintf(public_uri, sizeof(public_uri), "%s?type=public", uri);
    CHECK((store = OSSL_STORE_open(public_uri, NULL, NULL, NULL, NULL)) != NULL);
    CHECK((info = OSSL_STORE_load(store)) != NULL);
    CHECK((key = OSSL_STORE_INFO_get1_PUBKEY(info)) != NULL);
    OSSL_STORE_INFO_free(info);
    OSSL_STORE_close(store);
    return key;
}

/* A key with its private half in the service is sound, and without it no pair. */
static void soundness(const char *uri)
{
    EVP_PKEY *key = load(NULL, uri);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

    CHECK(EVP_PKEY_check(ctx) == 1);
    CHECK(EVP_PKEY_pairwise_check(ctx) == 1);
    CHECK(EVP_PKEY_private_check(ctx) == 1);
    CHECK(EVP_PKEY_public_check(ctx) == 1);
    CHECK(EVP_PKEY_public_check_quick(ctx) == 1);
    CHECK(ERR_peek_error() == 0);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);

    key = load_public_half(uri);
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    CHECK(EVP_PKEY_public_check(ctx) == 1);
    CHECK(EVP_PKEY_pairwise_check(ctx) != 1);
    CHECK(EVP_PKEY_private_check(ctx) != 1);
    ERR_clear_error();
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}

static int is_of(const EVP_PKEY *key, const char *provider)
{
    return strcmp(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key)), provider) == 0;
}

/* A key on P-256 of this point, or of none, as the first provider takes it in; null if it does not. */
static EVP_PKEY *taken_in(const unsigned char *point, size_t length)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0),
        OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    int selection = EVP_PKEY_KEY_PARAMETERS;

    if (point != NULL) {
        params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point, length);
        selection = EVP_PKEY_PUBLIC_KEY;
    }
    CHECK(EVP_PKEY_fromdata_init(ctx) == 1);
    if (EVP_PKEY_fromdata(ctx, &key, selection, params) == 1)
        CHECK(is_of(key, "keyward"));
    else
        CHECK(ERR_peek_error() != 0);
    ERR_clear_error();
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* Whether a key has a public half. */
static int has_value(const EVP_PKEY *key)
{
    size_t length;

    return EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, NULL, 0, &length) == 1;
}

/* Public keys from elsewhere, in a host that asks our module first. The argument is a key of theirs. */
static void imports(const char *uri)
{
    EVP_PKEY *source = load(NULL, uri), *key, *empty, *copy;
    unsigned char point[65];
    size_t length;

    CHECK(EVP_PKEY_get_octet_string_param(source, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
                                          &length) == 1);
    CHECK(length == sizeof(point));
    CHECK((key = taken_in(point, length)) != NULL && has_value(key));
    EVP_PKEY_free(key);

    /* What a copy of a key without a value gets is its own. */
    CHECK((empty = taken_in(NULL, 0)) != NULL && !has_value(empty));
    CHECK((copy = EVP_PKEY_dup(empty)) != NULL && !has_value(copy));
    CHECK(EVP_PKEY_set1_encoded_public_key(copy, point, length) == 1);
    CHECK(has_value(copy) && !has_value(empty));
    EVP_PKEY_free(copy);

    /* A point that is not on its curve is none, whichever way it comes. */
    point[length - 1] ^= 1;
    CHECK(taken_in(point, length) == NULL);
    CHECK(EVP_PKEY_set1_encoded_public_key(empty, point, length) != 1);
    ERR_clear_error();
    CHECK(!has_value(empty));
    EVP_PKEY_free(empty);
    EVP_PKEY_free(source);
}

static int is_digest(const char *name, const char *other)
{
    EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);
    int is = strcmp(name, other) == 0 || (md != NULL && EVP_MD_is_a(md, other));

    EVP_MD_free(md);
    ERR_clear_error();
    return is;
}

/* Every parameter of a key: its size is told, a buffer of that size is enough, a smaller one gets
 * nothing, and the value is that of the default provider. */
static void parameters(const char *uri)
{
    EVP_PKEY *key = load(NULL, uri), *public = public_half(NULL, key);
    const OSSL_PARAM *known = EVP_PKEY_gettable_params(key);
    int values = 0;

    for (; known->key != NULL; known++) {
        int is_text = known->data_type == OSSL_PARAM_UTF8_STRING;
        int is_number = known->data_type == OSSL_PARAM_INTEGER;
        unsigned char ours[2048] = {0}, theirs[2048] = {0};
        OSSL_PARAM ask[2] = {*known, OSSL_PARAM_construct_end()};
        size_t size;

        OSSL_PARAM_set_all_unmodified(ask);
        CHECK(EVP_PKEY_get_params(key, ask) == 1);
        if (!OSSL_PARAM_modified(ask))
            continue; /* What does not bind the key has no value. */
        values++;
        size = ask[0].return_size;
        CHECK(size + 1 < sizeof(ours));
        ask[0].data = ours;
        ask[0].data_size = size + is_text;
        CHECK(EVP_PKEY_get_params(key, ask) == 1 && ask[0].return_size == size);
        if (!is_number && size > 1) {
            unsigned char less[2048];

            ask[0].data = less;
            ask[0].data_size = size - 1;
            CHECK(EVP_PKEY_get_params(key, ask) != 1 && ask[0].return_size == size);
            ERR_clear_error();
        }
        OSSL_PARAM_set_all_unmodified(ask);
        ask[0].data = theirs;
        ask[0].data_size = size + is_text;
        /* Where no digest is named, we take one as strong as the curve. */
        if (strcmp(known->key, OSSL_PKEY_PARAM_DEFAULT_DIGEST) == 0)
            continue;
        if (EVP_PKEY_get_params(public, ask) != 1 || !OSSL_PARAM_modified(ask)) {
            ERR_clear_error();
            continue;
        }
        /* Before 3.0.8 it gives the short form of a point: one coordinate after a byte. */
        if (ask[0].return_size < size && (theirs[0] == 2 || theirs[0] == 3)
            && memcmp(ours + 1, theirs + 1, ask[0].return_size - 1) == 0)
            continue;
        if (memcmp(ours, theirs, size) != 0 && !(is_text && is_digest((char *)ours, (char *)theirs))) {
            fprintf(stderr, "%s differs\n", known->key);
            exit(1);
        }
    }
    CHECK(values >= 4);
    EVP_PKEY_free(key);
    EVP_PKEY_free(public);
}

/* What an RSA-PSS key is bound to comes along when its parameters alone are given to others. */
static void bound(const char *uri)
{
    EVP_PKEY *key = load(NULL, uri);
    OSSL_PARAM *told = NULL;
    const OSSL_PARAM *digest;
    const char *name = NULL;

    CHECK(EVP_PKEY_todata(key, EVP_PKEY_KEY_PARAMETERS, &told) == 1);
    CHECK((digest = OSSL_PARAM_locate_const(told, OSSL_PKEY_PARAM_RSA_DIGEST)) != NULL);
    CHECK(OSSL_PARAM_get_utf8_string_ptr(digest, &name) == 1 && is_digest(name, "SHA256"));
    CHECK(OSSL_PARAM_locate_const(told, OSSL_PKEY_PARAM_RSA_N) == NULL);
    OSSL_PARAM_free(told);
    EVP_PKEY_free(key);
}

/* Whether two keys are one, which has to be the same whoever is asked about whom. */
static int are_equal(const EVP_PKEY *one, const EVP_PKEY *other)
{
    int equal = EVP_PKEY_eq(one, other);

    CHECK(EVP_PKEY_eq(other, one) == equal);
    CHECK(equal == 0 || equal == 1);
    CHECK(ERR_peek_error() == 0);
    return equal;
}

/* A key is itself, by its private and its public half, here and at the default provider, and no
 * other key of its type is. */
static void matching(const char *uri)
{
    char other_uri[256];
    EVP_PKEY *key = load(NULL, uri), *half = load_public_half(uri), *public = public_half(NULL, key);
    EVP_PKEY *other, *other_half, *other_public;

    snprintf(other_uri, sizeof(other_uri), "%s-other", uri);
    other = load(NULL, other_uri);
    other_half = load_public_half(other_uri);
    other_public = public_half(NULL, other);
    CHECK(is_of(key, "keyward") && is_of(other, "keyward"));
    CHECK(is_of(public, "default") && is_of(other_public, "default"));

    CHECK(are_equal(key, key) && are_equal(key, half) && are_equal(key, public));
    CHECK(are_equal(half, public));
    CHECK(!are_equal(key, other) && !are_equal(key, other_half) && !are_equal(key, other_public));
    CHECK(!are_equal(half, other) && !are_equal(half, other_half));
    CHECK(!are_equal(half, other_public) && !are_equal(public, other));
    CHECK(!are_equal(public, other_half));

    EVP_PKEY_free(key);
    EVP_PKEY_free(half);
    EVP_PKEY_free(public);
    EVP_PKEY_free(other);
    EVP_PKEY_free(other_half);
    EVP_PKEY_free(other_public);
}

static const struct {
    const char *name;
    void (*run)(const char *uri);
} trials[] = {
    {"messages", messages}, {"buffers", buffers},       {"soundness", soundness},
    {"bound", bound},       {"parameters", parameters}, {"imports", imports},
    {"matching", matching},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < sizeof(trials) / sizeof(trials[0]); i++) {
        if (strcmp(argv[1], trials[i].name) == 0) {
            trials[i].run(argv[2]);
            OPENSSL_cleanup();
            return 0;
        }
    }
    return 2;
}
