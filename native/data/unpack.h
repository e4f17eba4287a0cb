#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Archives that ADD unpacks: a tar, plain or in gzip, bzip2, xz or zstd, known by its content. */

/* 1 an archive, 0 not, -1. `fd` is a regular file and is left at its start. */
int unpack_is_archive(int fd, struct rt_error *err);

struct unpack_options {
    bool owned; /* everything belongs to uid:gid, else owners are the archive's own */
    uint32_t uid, gid;
    bool refuse; /* a directory is never replaced by something else, nor the reverse: IS_A_DIRECTORY, NOT_A_DIRECTORY */
};

/*
 * Unpacks below the directory `rootfd`: what is there is replaced, but for directories, which are merged; links are followed inside of
 * the directory only. LAYER_INVALID for entries with "..".
 */
int unpack_archive(int fd, int rootfd, const struct unpack_options *options, struct rt_error *err);
