#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Archives that ADD unpacks: a tar, plain or in gzip, bzip2, xz or zstd, known by its content. */

/* 1 an archive, 0 not, -1. `fd` is a regular file and is left at its start. */
int unpack_is_archive(int fd, struct rt_error *err);

struct unpack_owner {
    bool given;
    uint32_t uid, gid;
};

/*
 * Unpacks below the directory `rootfd`: what is there is replaced, but for directories, which are merged; links are followed inside of
 * the directory only. Owners are the archive's own unless given. LAYER_INVALID for entries with "..".
 */
int unpack_archive(int fd, int rootfd, struct unpack_owner owner, struct rt_error *err);
