#pragma once
#include "network/types.h"

/* Descriptors of the program: where it tells that it serves, the namespace that it serves, and the container's own directory (closed where there is none). */
enum { USER_READY_FD = 3, USER_NETNS_FD = 4, USER_DIRECTORY_FD = 5 };

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
