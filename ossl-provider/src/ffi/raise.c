/* The core takes the arguments of an error's text as a va_list, which Rust cannot make. */

#include <stdarg.h>
#include <stdint.h>

typedef void vset_error(const void *core, uint32_t reason, const char *format, va_list arguments);

void keyward_raise(vset_error *set, const void *core, uint32_t reason, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    set(core, reason, format, arguments);
    va_end(arguments);
}
