#pragma once
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The one error carrier of the core. Everything lies in place, so that setting an error cannot fail and a child can send the whole
 * struct over a pipe. Functions take it as last argument, return -1 (or NULL) and set it in the same statement:
 *
 *     return rt_fail(err, "PATH_MISSING", errno, "openat2", "cannot open '%s'", path);
 */
struct rt_error {
    int saved_errno;    /* 0 where no system call failed */
    char code[32];      /* stable code of docs/errors.md; empty: no error */
    char syscall[24];   /* name of the call that failed, or empty */
    char path[1024];    /* the path or entry at fault, or empty; cut at the end when longer */
    char message[1024]; /* for people: failed action first, values quoted, no full stop */
};

/*
 * The setters are expressions of value -1, so that the compiler and its analyser see that the caller fails.
 *
 * rt_fail(err, code, errnum, syscall, fmt, …): NATIVE_FAILED with ENOSPC or EDQUOT becomes STORE_FULL; the error text of `errnum` is appended.
 * rt_fail_at(err, path, code, errnum, syscall, fmt, …): names the path at fault as well (bytes of any kind).
 * rt_wrap(err, fmt, …): prefixes the message with "<text>: ", for a caller that knows what the failed step was for.
 * rt_nomem(err): out of memory is an error as any other.
 */
#define rt_fail(err, ...) (rt_set(err, NULL, __VA_ARGS__), rt_failed())
#define rt_fail_at(err, path, ...) (rt_set(err, path, __VA_ARGS__), rt_failed())
#define rt_wrap(err, ...) (rt_prefix(err, __VA_ARGS__), rt_failed())
#define rt_nomem(err) rt_fail(err, "NATIVE_FAILED", ENOMEM, "malloc", "cannot allocate memory")

static inline int rt_failed(void)
{
    return -1;
}

void rt_set(struct rt_error *err, const char *path, const char *code, int errnum, const char *syscall, const char *fmt, ...)
    __attribute__((format(printf, 6, 7), cold));
void rt_prefix(struct rt_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));

/* "ENOENT" for 2; "E<number>" for an unknown one. The buffer is only used for unknown numbers. */
const char *rt_errno_name(int errnum, char buffer[16]);

/* Sends the struct over a pipe or socket, or receives it. recv: 1 an error arrived, 0 the other end closed without one, -1 the pipe failed (err says so). */
int rt_error_send(int fd, const struct rt_error *err);
int rt_error_recv(int fd, struct rt_error *err);
