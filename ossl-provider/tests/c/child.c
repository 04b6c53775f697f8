/* A provider of the host's own makes a child library context, as providers do that use OpenSSL
 * themselves: there the module that the parent has loaded is present too, and a key by URI (argument
 * 1) signs in both. */
#include <openssl/core_dispatch.h>
#include <openssl/provider.h>

#include "host.h"

static OSSL_LIB_CTX *child;

static void teardown(void *context)
{
    OSSL_LIB_CTX_free(context);
}

static const OSSL_DISPATCH functions[] = {
    {OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))teardown},
    {0, NULL},
};

static int init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                const OSSL_DISPATCH **out, void **context)
{
    child = OSSL_LIB_CTX_new_child(handle, in);
    *context = child;
    *out = functions;
    return child != NULL;
}

static void sign_in(OSSL_LIB_CTX *libctx, const char *uri)
{
    EVP_PKEY *key = load(libctx, uri), *public = public_half(libctx, key);

    for (int i = 0; i < 3; i++)
        sign_and_verify(libctx, key, public);
    EVP_PKEY_free(key);
    EVP_PKEY_free(public);
}

int main(int argc, char **argv)
{
    OSSL_LIB_CTX *parent = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *ours;

    CHECK(argc == 2);
    CHECK(OSSL_LIB_CTX_load_config(parent, getenv("OPENSSL_CONF")) == 1);
    CHECK(OSSL_PROVIDER_available(parent, "keyward") == 1);
    CHECK(OSSL_PROVIDER_add_builtin(parent, "host", init) == 1);
    ours = OSSL_PROVIDER_load(parent, "host");
    CHECK(ours != NULL);
    sign_in(parent, argv[1]);
    sign_in(child, argv[1]);
    sign_in(parent, argv[1]);
    CHECK(OSSL_PROVIDER_unload(ours) == 1);
    sign_in(parent, argv[1]);
    OSSL_LIB_CTX_free(parent);
    return 0;
}
