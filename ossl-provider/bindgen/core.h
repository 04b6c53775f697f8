/* What src/bindings.rs is made from. */
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>
#include <openssl/core.h>
#include <openssl/core_object.h>
#include <openssl/core_dispatch.h>
