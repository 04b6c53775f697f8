/* Runs a program whose writes to disk fail when a test says so.
 *
 *   faulty CONTROL PROGRAM [ARGUMENT ...]
 *
 * The program's system calls that write, sync and cut files wait for a supervisor (seccomp's user
 * notification), which lets them go on or answers EIO, as the file CONTROL says at that moment. It is
 * mapped, so the test changes it while the program runs. The program keeps its process id.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, CUT = 4 };

struct control {
    uint32_t kinds; /* Which of the calls fail: a set of the above. */
    uint32_t skip;  /* So many of them go on before. */
    uint32_t fail;  /* Then so many fail. */
    uint32_t failed; /* So many have. */
    char path[240]; /* They fail on files whose path has this in it. */
};

static const struct {
    int call;
    int kind;
} CALLS[] = {
    {SYS_write, WRITE},   {SYS_pwrite64, WRITE}, {SYS_writev, WRITE},    {SYS_pwritev, WRITE},
    {SYS_fsync, SYNC},    {SYS_fdatasync, SYNC}, {SYS_ftruncate, CUT},
};
enum { COUNT = sizeof CALLS / sizeof CALLS[0] };

static void fail(const char *what) {
    perror(what);
    exit(77);
}

/* A filter that has these calls wait, and lets all others go on. */
static int install(void) {
    struct sock_filter code[COUNT + 3];
    int n = 0;
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < COUNT; i++)
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)CALLS[i].call,
                                                 (uint8_t)(COUNT - i), 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    struct sock_fprog program = {(unsigned short)n, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        fail("no_new_privs");
    int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    if (listener < 0)
        fail("seccomp");
    return listener;
}

static int should_fail(struct control *control, const struct seccomp_notif *call) {
    int kind = 0;
    for (int i = 0; i < COUNT; i++)
        if (CALLS[i].call == call->data.nr)
            kind = CALLS[i].kind;
    if (!control->fail || !(control->kinds & (uint32_t)kind))
        return 0;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/%u/fd/%d", call->pid, (int)call->data.args[0]);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    if (!strstr(path, control->path))
        return 0;
    if (control->skip) {
        control->skip--;
        return 0;
    }
    control->fail--;
    control->failed++;
    return 1;
}

static void supervise(int listener, struct control *control) {
    for (;;) {
        struct pollfd waiting = {listener, POLLIN, 0};
        if (poll(&waiting, 1, -1) < 0 && errno == EINTR)
            continue;
        /* Nobody has the filter any more. */
        if (waiting.revents & (POLLHUP | POLLERR | POLLNVAL))
            return;
        struct seccomp_notif call;
        memset(&call, 0, sizeof call);
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
            continue;
        struct seccomp_notif_resp answer;
        memset(&answer, 0, sizeof answer);
        answer.id = call.id;
        if (should_fail(control, &call))
            answer.error = -EIO;
        else
            answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
}

int main(int argc, char **argv) {
    if (argc < 3)
        return 2;
    int file = open(argv[1], O_RDWR | O_CLOEXEC);
    struct control *control =
        mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (control == MAP_FAILED)
        fail(argv[1]);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        fail("socketpair");
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } rights;
    memset(&rights, 0, sizeof rights);
    char byte = 0;
    struct iovec part = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights};
    pid_t supervisor = fork();
    if (supervisor < 0)
        fail("fork");
    if (supervisor == 0) {
        /* The test waits for the program's end by the end of what it prints. */
        for (int fd = 0; fd < 3; fd++)
            close(fd);
        close(pair[0]);
        if (recvmsg(pair[1], &message, MSG_CMSG_CLOEXEC) != 1)
            return 1;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        if (!head)
            return 1;
        int listener;
        memcpy(&listener, CMSG_DATA(head), sizeof listener);
        supervise(listener, control);
        return 0;
    }
    close(pair[1]);
    int listener = install();
    rights.head = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&rights.head), &listener, sizeof listener);
    if (sendmsg(pair[0], &message, 0) != 1)
        fail("sendmsg");
    close(listener);
    close(pair[0]);
    execvp(argv[2], argv + 2);
    fail(argv[2]);
}
