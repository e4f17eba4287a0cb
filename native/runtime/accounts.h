#pragma once
#include <sys/types.h>

#include "base/error.h"
#include "runtime/spec.h"

/* The user of a process, by the passwd and group files inside the root (data/users.h). */

/* The home directory of `uid`, "/" without an entry. Fresh memory. */
char *accounts_home(int rootfd, uid_t uid, struct rt_error *err);

/*
 * Fills uid, gid and groups of `out` from "user[:group]", names or numbers, "" for root, and further groups; by the rules of docker: a number needs no entry, a user that has one
 * gets its group and, without ":group", the groups that list it. Arrays go to the arena. Code USER_UNKNOWN.
 */
int accounts_resolve(int rootfd, const char *name, const struct spec_strings *groups, struct arena *arena, struct spec_user *out, struct rt_error *err);
