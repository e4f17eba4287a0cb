/* deny ERRNO CALL… -- PROGRAM [ARGUMENT…]: runs it under a filter that answers these calls with an errno, as the profiles of older container engines do. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *name;
    unsigned number;
} CALLS[] = {
    { "clone3", SYS_clone3 }, { "close_range", SYS_close_range }, { "openat2", SYS_openat2 }, { "pivot_root", SYS_pivot_root }, { "statx", SYS_statx }, { "unshare", SYS_unshare },
};

static int number_of(const char *name)
{
    for (size_t i = 0; i < sizeof CALLS / sizeof *CALLS; i++)
        if (strcmp(CALLS[i].name, name) == 0) return (int)CALLS[i].number;
    fprintf(stderr, "deny: unknown call '%s'\n", name);
    return -1;
}

int main(int argc, char **argv)
{
    struct sock_filter code[64];
    unsigned short count = 0;
    int at = 2, number;
    if (argc < 4) return 2; /* ERRNO -- PROGRAM: no call at all */
    unsigned fault = strcmp(argv[1], "ENOSYS") == 0 ? ENOSYS : EPERM;
    code[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
        if ((number = number_of(argv[at])) < 0) return 2;
        code[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1);
        code[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | fault);
    }
    code[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog filter = { .len = count, .filter = code };
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter))) {
        perror("deny: seccomp");
        return 2;
    }
    execvp(argv[at + 1], argv + at + 1);
    perror("deny: exec");
    return 2;
}
