/* A host that gives a PIN when it is asked, and forks meanwhile as Apache does. */
#include <openssl/pem.h>
#include <openssl/ui.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

static int asked;

static EVP_PKEY *load_with(const char *uri, pem_password_cb *callback, void *pin)
{
    UI_METHOD *method = UI_UTIL_wrap_read_pem_callback(callback, 0);
    EVP_PKEY *key = load_asking(NULL, uri, method, pin);

    UI_destroy_method(method);
    return key;
}

static int give(char *buffer, int size, int rwflag, void *pin)
{
    (void)rwflag;
    asked++;
    return snprintf(buffer, size, "%s", (const char *)pin);
}

/* The child that is made in the middle of the question asks and is answered on its own. */
static const char *uri_of_child;

static int fork_and_give(char *buffer, int size, int rwflag, void *pin)
{
    int status = -1;
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        alarm(300);
        EVP_PKEY_free(load_with(uri_of_child, give, pin));
        _exit(asked == 1 ? 0 : 1);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return give(buffer, size, rwflag, pin);
}

int main(int argc, char **argv)
{
    EVP_PKEY *key, *public;
    int status = -1;
    pid_t pid;

    CHECK(argc == 3);
    uri_of_child = argv[1];
    key = load_with(argv[1], fork_and_give, argv[2]);
    CHECK(asked == 1);
    public = public_half(NULL, key);
    sign_and_verify(NULL, key, public);
    /* What was given once is good for the whole process, and for those that it becomes. */
    EVP_PKEY_free(load_with(argv[1], give, argv[2]));
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        alarm(300);
        sign_and_verify(NULL, key, public);
        EVP_PKEY_free(load_with(argv[1], give, argv[2]));
        _exit(asked == 1 ? 0 : 1);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(asked == 1);
    EVP_PKEY_free(public);
    EVP_PKEY_free(key);
    return 0;
}
