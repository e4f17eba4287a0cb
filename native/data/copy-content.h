#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "data/remember.h"

/*
 * Copies the content of a regular file as the file systems do it best: a reflink, in-kernel copying, or read and write; holes stay holes.
 * `digest`, where not NULL, asks for the digest of what was copied (content_digest without attributes), which excludes the first two ways.
 */
struct content_copier {
    bool no_reflink, no_range; /* learnt: the file systems cannot */
    bool settled;              /* the files are a layer's: nobody writes to them, but names come and go, which moves their ctime */
    unsigned char *buffer;
};

void content_copier_free(struct content_copier *copier);

/* `st` is the status of `from`; a file that gets shorter or changes meanwhile is FILE_CHANGED. */
int content_copy(struct content_copier *copier, int from, const struct stat *st, int to, const char *path, uint8_t digest[CONTENT_DIGEST], struct rt_error *err);
