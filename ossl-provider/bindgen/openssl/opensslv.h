/* Stands in for the header that OpenSSL's build generates. */
#define OPENSSL_VERSION_MAJOR 4
#define OPENSSL_VERSION_MINOR 0
#define OPENSSL_VERSION_PATCH 0
