#pragma once
#include <sys/types.h>

#include "base/error.h"

/* A program that is run and waited for. */
struct command {
    const char *const *args; /* args[0]: a path, or a name that PATH finds */
    int stdio[3];            /* -1: as the caller's */
    int preserve_fds;        /* descriptors from 3 on that it keeps */
    const char *log;         /* JSON lines as OCI runtimes write them (--log); the last error in it is what a failure says. NULL: none */
    const char *what;        /* the failed action, for errors: "cannot create the container" */
};

/* 0 when it exits with 0. A failure has the code that its words mean (EXEC_NOT_FOUND, EXEC_DENIED), else RUNTIME_FAILED. */
int command_run(const struct command *command, struct rt_error *err);
