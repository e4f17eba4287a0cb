#pragma once
#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"
#include "data/path-set.h"

/*
 * Which entries of a copied tree are still as they were copied. A file is told by path, inode and ctime, which every change moves and nobody can
 * set; a directory by path, inode and time of birth, as inode numbers are used again. One set of 64 bits for each.
 */
struct stamps {
    struct path_set set;
    bool shared; /* files are links to those of layers, whose ctime other links move: path and inode must do */
};

void stamps_free(struct stamps *stamps);
#define auto_stamps __attribute__((cleanup(stamps_free)))

/* The entry `name` of `dirfd`, which is `path` in the tree; `st` is its status. */
int stamps_add(struct stamps *stamps, int dirfd, const char *name, const char *path, const struct stat *st, struct rt_error *err);
/* 1 it is stamped, 0 not, -1. */
int stamps_has(const struct stamps *stamps, int dirfd, const char *name, const char *path, const struct stat *st, struct rt_error *err);

int stamps_save(const struct stamps *stamps, int dirfd, const char *name, struct rt_error *err);
int stamps_load(struct stamps *stamps, int dirfd, const char *name, struct rt_error *err);
