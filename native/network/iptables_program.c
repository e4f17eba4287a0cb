#include "network/iptables_program.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_LIMIT (16u << 20)

/* They may lie where only an administrator's PATH leads. */
static void execute(char *const argv[])
{
    static const char *const places[] = { "/usr/sbin/", "/sbin/" };
    execvp(argv[0], argv);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct rt_error ignored;
        auto_free char *path = rt_printf(&ignored, "%s%s", places[i], argv[0]);
        if (path)
            execv(path, argv);
    }
    _exit(127);
}

static int memory_file(struct rt_error *err)
{
    int fd = memfd_create("iptables", MFD_CLOEXEC);
    return fd >= 0 ? fd : rt_fail(err, "NATIVE_FAILED", errno, "memfd_create", "cannot start iptables");
}

static void last_line(int fd, char *out, size_t size)
{
    char text[2048];
    ssize_t n = pread_all(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    for (size_t end = strlen(text); end > 0 && text[end - 1] == '\n'; end--)
        text[end - 1] = '\0';
    snprintf(out, size, "%s", text);
}

/* 0; 1 where there is no such program; -1. Files stand for pipes, so that neither side waits for the other. */
static int run(char *const argv[], const struct buf *input, struct buf *output, struct rt_error *err)
{
    auto_close int in = memory_file(err), out = in < 0 ? -1 : memory_file(err), errors = out < 0 ? -1 : memory_file(err);
    if (errors < 0)
        return -1;
    if (input && (write_all(in, input->data, input->size) < 0 || lseek(in, 0, SEEK_SET) < 0))
        return rt_fail(err, "NATIVE_FAILED", errno, "write", "cannot start iptables");
    pid_t child = fork();
    if (child < 0)
        return rt_fail(err, "NATIVE_FAILED", errno, "fork", "cannot start '%s'", argv[0]);
    if (child == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(errors, 2) < 0)
            _exit(126);
        execute(argv);
    }
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return rt_fail(err, "NATIVE_FAILED", errno, "waitpid", "cannot wait for '%s'", argv[0]);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return 1;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        char words[512];
        last_line(errors, words, sizeof words);
        return rt_fail(err, "NETWORK_FAILED", 0, "", "'%s' failed%s%s", argv[0], words[0] ? ": " : "", words);
    }
    if (!output)
        return 0;
    return lseek(out, 0, SEEK_SET) < 0 ? rt_fail(err, "NATIVE_FAILED", errno, "lseek", "cannot read what '%s' says", argv[0])
                                       : read_fd(out, OUTPUT_LIMIT, output, "NETWORK_FAILED", argv[0], err);
}

static int missing(const char *program, struct rt_error *err)
{
    return rt_fail(err, "FEATURE_MISSING", ENOENT, "execve", "the kernel has no nftables, and the program '%s' is not installed", program);
}

/* Without nftables the older variant is the one that can work; where it has no name of its own it is the only one. */
static int run_either(const char *const names[2], bool restore, const struct buf *input, struct buf *output, struct rt_error *err)
{
    int result = 1;
    for (size_t i = 0; i < 2 && result == 1; i++) {
        char *argv[] = { (char *)(uintptr_t)names[i], restore ? "--noflush" : NULL, "--wait", NULL };
        result = run(argv, input, output, err);
    }
    return result;
}

int iptables_save(int family, struct buf *out, struct rt_error *err)
{
    static const char *const four[] = { "iptables-legacy-save", "iptables-save" }, *const six[] = { "ip6tables-legacy-save", "ip6tables-save" };
    int result = run_either(family == AF_INET ? four : six, false, NULL, out, err);
    return result == 1 ? (family == AF_INET ? missing(four[1], err) : 0) : result;
}

int iptables_restore(int family, const struct buf *script, struct rt_error *err)
{
    static const char *const four[] = { "iptables-legacy-restore", "iptables-restore" }, *const six[] = { "ip6tables-legacy-restore", "ip6tables-restore" };
    int result = script->size == 0 ? 0 : run_either(family == AF_INET ? four : six, true, script, NULL, err);
    return result == 1 ? missing(family == AF_INET ? four[1] : six[1], err) : result;
}
