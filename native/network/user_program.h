#pragma once
#include "network/types.h"

/*
 * Descriptors of the program: where it tells that it serves (its output: current releases of pasta close all behind 2), and the container's own directory (closed
 * where there is none).
 */
enum { USER_READY_FD = 1, USER_DIRECTORY_FD = 3 };
/* The namespace that it serves, in the program's own mount namespace: mounted on a file that is everywhere and that neither program reads. */
#define USER_NETNS_PATH "/proc/version"

struct arguments {
    char **items; /* ends with NULL */
    size_t count;
};
int arguments_add(struct arguments *arguments, struct rt_error *err, const char *text);

/* How one of the programs is called, and told of ports after its start where it cannot be before. */
struct user_program {
    const char *name;
    int (*arguments)(const struct network *network, struct arguments *out, struct rt_error *err);
    int (*publish)(const struct network *network, int directory, struct rt_error *err); /* NULL: its arguments have named them */
};

extern const struct user_program pasta, slirp4netns;
