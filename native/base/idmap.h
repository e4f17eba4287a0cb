#pragma once
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A mapping of ids for a user namespace: "idmap":{"uid":[[inside, outside, count], …],"gid":[…]}, or that of a process: "idmap":{"pid":123}. */
struct idmap_range {
    uint32_t inside, outside, count;
};

struct idmap {
    struct idmap_range *uid, *gid;
    size_t uid_count, gid_count;
    int pid; /* 0: a new namespace with these ranges */
};

void idmap_free(struct idmap *map);

/* Reads the plan's "idmap". Returns 1 when there is one, 0 when not, -1 on error. */
int idmap_parse(const json_t *plan, struct idmap *out, struct rt_error *err);

/*
 * Writes the mapping of process `pid`, which has just made a user namespace, from outside of it: directly where the caller may (root, or its own
 * single id), else with newuidmap and newgidmap. FEATURE_MISSING names the helper that is not installed.
 */
int idmap_write(const struct idmap *map, int pid, struct rt_error *err);

/*
 * Moves the calling, single-threaded process into a user namespace with this mapping and a mount namespace of its own, as root inside: a new one, or that of the process, whose
 * root is then open to it. Helper children are reaped before it returns.
 */
int idmap_enter(const struct idmap *map, struct rt_error *err);

/* As idmap_enter, into a user namespace that is there. */
int idmap_join(int userns, struct rt_error *err);

/* idmap_parse and idmap_enter; nothing happens without an "idmap". */
int idmap_enter_plan(const json_t *plan, struct rt_error *err);
