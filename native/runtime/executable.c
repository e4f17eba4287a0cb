#include "runtime/executable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"

static int fail(const char *name, int errnum, const char *format, struct rt_error *err)
{
    bool missing = errnum == ENOENT || errnum == ENOTDIR;
    char text[128];
    snprintf(text, sizeof text, "%s", strerror(errnum));
    text[0] = (char)(text[0] | 0x20); /* clients look for the words as Go spells them */
    rt_fail_at(err, name, missing ? "EXEC_NOT_FOUND" : "EXEC_DENIED", 0, "execve", format, name, text);
    err->saved_errno = errnum;
    return -1;
}

int executable_fail(const char *name, int errnum, struct rt_error *err)
{
    return fail(name, errnum, "exec: \"%s\": %s", err);
}

int executable_refused(const char *name, int errnum, struct rt_error *err)
{
    return fail(name, errnum, "exec %s: %s", err);
}

/* 0, or the errno that execve would give. */
static int check(const char *path)
{
    struct stat st;
    if (stat(path, &st)) return errno;
    if (S_ISDIR(st.st_mode)) return EISDIR;
    if (!S_ISREG(st.st_mode)) return EACCES;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) ? errno : 0;
}

static const char *path_of(const char *const *env)
{
    for (; *env; env++)
        if (strncmp(*env, "PATH=", 5) == 0) return *env + 5;
    return "";
}

char *executable_find(const char *name, const char *const *env, struct rt_error *err)
{
    if (strchr(name, '/')) {
        int fault = check(name);
        if (!fault) return rt_strdup(name, err);
        executable_fail(name, fault, err);
        return NULL;
    }
    bool denied = false;
    for (const char *at = path_of(env), *end; *name; at = end + 1) {
        end = at + strcspn(at, ":");
        auto_free char *path = end == at ? rt_printf(err, "./%s", name) : rt_printf(err, "%.*s/%s", (int)(end - at), at, name);
        if (!path) return NULL;
        int fault = check(path);
        if (!fault) return take_ptr(&path);
        denied = denied || fault == EACCES;
        if (!*end) break;
    }
    if (denied) executable_fail(name, EACCES, err);
    else rt_fail_at(err, name, "EXEC_NOT_FOUND", 0, "execve", "exec: \"%s\": executable file not found in $PATH", name);
    return NULL;
}
