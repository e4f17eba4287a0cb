#pragma once
#include <stdint.h>

#include "base/error.h"
#include "data/remember.h"
#include "data/scan.h"

/*
 * BLAKE3 of a regular file's content and, where `owners` is set, of the extended attributes that belong to a layer (a COPY from a build
 * context takes none along, as BuildKit's). Found in `memory` where the status is unchanged; else read, and to be learnt. FILE_CHANGED when the
 * file changes while it is read.
 */
struct content_digests {
    struct remember memory;
    bool owners;
    uint64_t hashed, remembered;
};

/* The argument of both is the digests. Gives links their target, too. Several threads may find at once. */
scan_expect content_digest_expect;
scan_read content_digest_find;

/* Counts what was found of a regular file, and remembers it for the next walk. By one thread. */
int content_digest_learn(struct content_digests *digests, const struct scan_entry *entry, struct rt_error *err);

/* The digest of a file whose content alone counts (`owners` false), from the BLAKE3 of its content. */
void content_digest_plain(const uint8_t content[CONTENT_DIGEST], uint8_t out[CONTENT_DIGEST]);
