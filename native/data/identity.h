#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "data/users.h"

/* Who a process runs as. */
struct identity {
    uint32_t uid, gid;
    uint32_t *groups; /* supplementary, sorted, each once */
    size_t group_count;
    char *home; /* of passwd; empty where there is no entry */
};

void identity_free(struct identity *identity);
#define auto_identity __attribute__((cleanup(identity_free)))

/*
 * Resolves `user[:group]` (names or numbers; empty: root) and further groups as runc and dockerd do: a user without group gets passwd's group and the
 * groups that list it as member, a number without passwd entry group 0; with a group given only that one. USER_UNKNOWN for a name that is not there.
 */
int identity_resolve(const struct users *users, const char *user, const char *const *groups, size_t group_count, struct identity *out,
                     struct rt_error *err);
