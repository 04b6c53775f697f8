/* Reads keys from a PEM file as applications do that know of no provider, until none is left. */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    BIO *file = BIO_new_file(argv[argc - 1], "r");
    EVP_PKEY *key;

    while ((key = PEM_read_bio_PrivateKey(file, NULL, NULL, NULL)) != NULL) {
        printf("%s %d\n", EVP_PKEY_get0_type_name(key), EVP_PKEY_get_bits(key));
        EVP_PKEY_free(key);
    }
    ERR_print_errors_fp(stdout);
    BIO_free(file);
    return 0;
}
