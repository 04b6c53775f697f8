/* Stands in for the header that OpenSSL's build generates: the core interface depends on none of
 * its choices, but bn.h, which params.h includes, wants to know the size of a long. */
#define SIXTY_FOUR_BIT_LONG
#define OPENSSL_CONFIGURED_API 40000
