#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/util.h"

#define TAR_BLOCK 512

/* One extended attribute; names and values are kept one behind the other in `struct xattrs`. */
struct xattr {
    const char *name;
    const unsigned char *value;
    size_t size;
};

enum entry_type { ENTRY_FILE, ENTRY_HARDLINK, ENTRY_SYMLINK, ENTRY_CHAR, ENTRY_BLOCK, ENTRY_DIR, ENTRY_FIFO };

/* One member of an archive. Strings belong to the reader and live until its next entry. */
struct tar_entry {
    enum entry_type type;
    const char *path; /* as written, not cleaned */
    const char *link;
    mode_t mode; /* permission bits incl. setuid, setgid, sticky */
    uint32_t uid, gid;
    uint64_t size; /* logical bytes of a file */
    struct timespec mtime;
    uint32_t major, minor;
    const struct xattr *xattrs;
    size_t xattr_count;
};

/*
 * Reads archives as they come from anywhere: V7, ustar, star, GNU (long names, base-256, sparse) and PAX (with SCHILY.xattr and all of GNU's
 * sparse forms). What is malformed is LAYER_INVALID with the entry's path: bad checksum, size that is negative or over 2^63, PAX or long-name
 * data over 1 MiB, unknown type, names with NUL, an end within an entry. Global PAX headers are skipped, as Go's reader does.
 */
struct input;
struct tar_reader;

struct tar_reader *tar_reader_open(struct input *input, struct rt_error *err);
void tar_reader_close(struct tar_reader **reader);
#define auto_tar_reader __attribute__((cleanup(tar_reader_close)))

/* 1: an entry; 0: the end of the archive (all input is read, so that a digest covers it); -1. What is left of the entry before is skipped. */
int tar_next(struct tar_reader *reader, struct tar_entry *entry, struct rt_error *err);

/* The next piece of the entry's content and where it belongs; holes are skipped. Returns its size, 0 at the end, -1. */
ssize_t tar_content(struct tar_reader *reader, const unsigned char **data, uint64_t *offset, struct rt_error *err);

/*
 * Writes archives in the canonical form of docs/layer-format.md: the same entries give the same bytes. Paths are without leading slash;
 * directories get a trailing one. `mtime` is cut to whole seconds. Attributes must come sorted by name.
 */
struct output;

/* Writes the header. A file's `size` bytes of content and tar_write_padding must follow. */
int tar_write_header(struct output *output, const struct tar_entry *entry, struct rt_error *err);
int tar_write_padding(struct output *output, uint64_t size, struct rt_error *err);
/* The two empty blocks at the end. */
int tar_write_end(struct output *output, struct rt_error *err);
