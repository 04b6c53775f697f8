/* Searches the store by the issuer and the serial number of a certificate, which the storeutl of an
 * early 3.0 can't: the issuer is the subject of the certificate in a file (argument 1), the number
 * hexadecimal (argument 2). Tells how many keys and certificates were found. */
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "host.h"

int main(int argc, char **argv)
{
    BIO *file;
    X509 *issuer;
    BIGNUM *number = NULL;
    ASN1_INTEGER *serial;
    OSSL_STORE_SEARCH *search;
    OSSL_STORE_CTX *store;
    int keys = 0, certificates = 0;

    CHECK(argc == 3);
    CHECK((file = BIO_new_file(argv[1], "r")) != NULL);
    CHECK((issuer = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL);
    CHECK(BN_hex2bn(&number, argv[2]) > 0);
    CHECK((serial = BN_to_ASN1_INTEGER(number, NULL)) != NULL);
    search = OSSL_STORE_SEARCH_by_issuer_serial((X509_NAME *)X509_get_subject_name(issuer), serial);
    CHECK(search != NULL);
    CHECK((store = OSSL_STORE_open("keyward:", NULL, NULL, NULL, NULL)) != NULL);
    CHECK(OSSL_STORE_find(store, search) == 1);
    while (!OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info == NULL)
            continue;
        keys += OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY;
        certificates += OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_CERT;
        OSSL_STORE_INFO_free(info);
    }
    CHECK(ERR_peek_error() == 0);
    printf("%d %d\n", keys, certificates);
    OSSL_STORE_close(store);
    OSSL_STORE_SEARCH_free(search);
    ASN1_INTEGER_free(serial);
    BN_free(number);
    X509_free(issuer);
    BIO_free(file);
    return 0;
}
