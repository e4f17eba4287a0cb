#pragma once
#include "base/error.h"

/*
 * The path that execve gets for args[0]: itself where it has a slash, else the first executable file of that name in the PATH of `env`. Looked up by the user that will
 * run it. Fresh memory; NULL with EXEC_NOT_FOUND or EXEC_DENIED.
 */
char *executable_find(const char *name, const char *const *env, struct rt_error *err);

/* rt_fail with the code that belongs to a failed execve. */
/* As executable_fail, for a file that was found and that the kernel cannot run: a script without its interpreter. */
int executable_refused(const char *name, int errnum, struct rt_error *err);
int executable_fail(const char *name, int errnum, struct rt_error *err);
