#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* The plan's Owner: {"user":"name, id or empty","group":"name or id"|null} | null (as the source has it). */
struct owner {
    bool given;
    const char *user, *group; /* belong to the plan */
    uint32_t uid, gid;        /* after owner_resolve */
};

int owner_parse(const json_t *object, const char *key, struct owner *out, struct rt_error *err);

/*
 * Looks the names up in passwd and group of the tree, with BuildKit's fall-backs: a number is its own group; a user who is not there is root;
 * a group that is not there leaves the user's.
 */
int owner_resolve(struct owner *owner, int rootfd, struct rt_error *err);
