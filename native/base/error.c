#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"

void rt_set(struct rt_error *err, const char *path, const char *code, int errnum, const char *syscall, const char *fmt, ...)
{
    if (strcmp(code, "NATIVE_FAILED") == 0 && (errnum == ENOSPC || errnum == EDQUOT)) code = "STORE_FULL";
    err->saved_errno = errnum;
    snprintf(err->code, sizeof err->code, "%s", code);
    snprintf(err->syscall, sizeof err->syscall, "%s", syscall ? syscall : "");
    snprintf(err->path, sizeof err->path, "%s", path ? path : "");
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    if (errnum != 0 && n >= 0 && (size_t)n < sizeof err->message)
        snprintf(err->message + n, sizeof err->message - (size_t)n, ": %s", strerror(errnum));
}

void rt_prefix(struct rt_error *err, const char *fmt, ...)
{
    char inner[sizeof err->message];
    memcpy(inner, err->message, sizeof inner);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->message)
        snprintf(err->message + n, sizeof err->message - (size_t)n, ": %s", inner);
}

const char *rt_errno_name(int errnum, char buffer[16])
{
    const char *name = strerrorname_np(errnum);
    if (name) return name;
    snprintf(buffer, 16, "E%d", errnum);
    return buffer;
}

int rt_error_send(int fd, const struct rt_error *err)
{
    return write_all(fd, err, sizeof *err);
}

int rt_error_recv(int fd, struct rt_error *err)
{
    struct rt_error got;
    ssize_t n = read_all(fd, &got, sizeof got);
    if (n == 0) return 0;
    if (n < 0) return rt_fail(err, "NATIVE_FAILED", errno, "read", "cannot read from the child process");
    if ((size_t)n != sizeof got) return rt_fail(err, "NATIVE_FAILED", 0, "read", "the child process ended while it reported an error");
    *err = got;
    return 1;
}
