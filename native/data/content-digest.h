#pragma once
#include <stdint.h>

#include "base/error.h"
#include "data/remember.h"
#include "data/scan.h"

/*
 * BLAKE3 of a regular file's content and of the extended attributes that belong to a layer (but for security.capability where `owners` is
 * false: a build context cannot grant rights). Found in `memory` where the status is unchanged; else read, and remembered. FILE_CHANGED when the
 * file changes while it is read.
 */
struct content_digests {
    struct remember memory;
    bool owners;
    uint64_t hashed, remembered;
};

int content_digest(struct content_digests *digests, const struct scan_entry *entry, uint8_t out[CONTENT_DIGEST], struct rt_error *err);
