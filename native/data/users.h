#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * Users and groups by the passwd(5) and group(5) of a tree. The files come from an image: only regular files are read, without waiting (a FIFO
 * there must not hang anybody), at most USERS_LIMIT bytes; lines that are malformed are passed over, as every libc does.
 */
#define USERS_LIMIT (16 * 1024 * 1024)

struct users {
    char *passwd, *group; /* content; empty when the file is not there */
};

int users_read(int rootfd, struct users *out, struct rt_error *err);
void users_free(struct users *users);
#define auto_users __attribute__((cleanup(users_free)))

struct user_entry {
    uint32_t uid, gid;
    char *home; /* fresh memory */
};

/* 1 found by name (or by id, where `name` is a number that no name equals), 0 not, -1. */
int users_find(const struct users *users, const char *name, struct user_entry *out, struct rt_error *err);
/* True when the group is there by name, or by number. */
bool users_find_group(const struct users *users, const char *name, uint32_t *gid);
/* The groups that list the user as a member: fresh array in *out. */
int users_groups_of(const struct users *users, const char *user, uint32_t **out, size_t *count, struct rt_error *err);
/* Name of the uid, in fresh memory; NULL when there is none. */
char *users_name_of(const struct users *users, uint32_t uid, struct rt_error *err);

/* A whole decimal id. */
bool users_parse_id(const char *text, uint32_t *out);
