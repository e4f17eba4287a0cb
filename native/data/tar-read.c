#include <stdlib.h>
#include <string.h>

#include "data/input.h"
#include "data/tar-number.h"
#include "data/tar-pax.h"
#include "data/tar.h"

#define SPECIAL_LIMIT (1u << 20) /* PAX records and GNU long names; Go's reader has the same bound */

struct raw_header {
    unsigned char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6], version[2], uname[32],
        gname[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct raw_header) == TAR_BLOCK, "a tar header is one block");

struct tar_reader {
    struct input *input;
    const unsigned char *at; /* the rest of the span at hand */
    size_t left;
    uint64_t stored; /* bytes of the entry's data not read yet */
    uint64_t padding;
    uint64_t offset; /* logical offset of the next stored byte */
    size_t extent;   /* of map */
    bool sparse;
    struct sparse_map map;
    struct pax pax;
    struct buf long_name, long_link;
    char name[sizeof(((struct raw_header *)0)->name) + sizeof(((struct raw_header *)0)->prefix) + 2];
    char link[sizeof(((struct raw_header *)0)->link) + 1];
};

struct tar_reader *tar_reader_open(struct input *input, struct rt_error *err)
{
    struct tar_reader *reader = calloc(1, sizeof *reader);
    if (!reader) rt_nomem(err);
    else reader->input = input;
    return reader;
}

void tar_reader_close(struct tar_reader **pointer)
{
    struct tar_reader *reader = *pointer;
    if (!reader) return;
    pax_free(&reader->pax);
    sparse_free(&reader->map);
    buf_free(&reader->long_name);
    buf_free(&reader->long_link);
    free(reader);
    *pointer = NULL;
}

static int invalid(struct rt_error *err, const char *path, const char *what)
{
    return rt_fail_at(err, path, "LAYER_INVALID", 0, NULL, "cannot read the archive: %s", what);
}

/* Up to `want` bytes in one piece: their number, 0 at the end of the input. They count as consumed. */
static ssize_t take(struct tar_reader *reader, uint64_t want, const unsigned char **data, struct rt_error *err)
{
    if (reader->left == 0) {
        ssize_t n = input_next(reader->input, &reader->at, err);
        if (n <= 0) return n;
        reader->left = (size_t)n;
    }
    size_t n = reader->left < want ? reader->left : (size_t)want;
    *data = reader->at;
    reader->at += n;
    reader->left -= n;
    return (ssize_t)n;
}

static int skip(struct tar_reader *reader, uint64_t size, struct rt_error *err)
{
    while (size > 0) {
        const unsigned char *data;
        ssize_t n = take(reader, size, &data, err);
        if (n < 0) return -1;
        if (n == 0) return invalid(err, reader->name, "it ends within an entry");
        size -= (uint64_t)n;
    }
    return 0;
}

/* One block: 1, 0 at the end of the input. Spans are whole blocks, so a shorter piece is the end of a damaged archive. */
static int take_block(struct tar_reader *reader, const unsigned char **block, struct rt_error *err)
{
    ssize_t n = take(reader, TAR_BLOCK, block, err);
    if (n < 0) return -1;
    if (n > 0 && n < TAR_BLOCK) return invalid(err, reader->name, "it ends within a header");
    return n > 0;
}

static int take_special(struct tar_reader *reader, uint64_t size, struct buf *out, struct rt_error *err)
{
    if (size > SPECIAL_LIMIT) return invalid(err, "", "an extended header is larger than 1 MiB");
    buf_cut(out, 0);
    for (uint64_t left = size; left > 0;) {
        const unsigned char *data;
        ssize_t n = take(reader, left, &data, err);
        if (n < 0 || (n > 0 && buf_add(out, data, (size_t)n, err) < 0)) return -1;
        if (n == 0) return invalid(err, "", "it ends within an extended header");
        left -= (uint64_t)n;
    }
    return skip(reader, -size % TAR_BLOCK, err);
}

static bool checksum_fits(const unsigned char *block)
{
    int64_t want, with_sign = 0, without = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        unsigned char byte = i >= 148 && i < 156 ? ' ' : block[i];
        without += byte;
        with_sign += (signed char)byte;
    }
    return tar_number(block + 148, 8, &want) && (want == without || want == with_sign);
}

static bool is_zero(const unsigned char *block)
{
    return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

static size_t copy_field(char *out, const unsigned char *field, size_t size)
{
    size_t n = strnlen((const char *)field, size);
    memcpy(out, field, n);
    out[n] = '\0';
    return n;
}

static void header_names(struct tar_reader *reader, const struct raw_header *raw)
{
    size_t n = 0;
    bool ustar = memcmp(raw->magic, "ustar\0", 6) == 0;
    bool star = ustar && memcmp((const unsigned char *)raw + 508, "tar", 4) == 0;
    if (ustar && raw->prefix[0]) {
        n = copy_field(reader->name, raw->prefix, star ? 131 : sizeof raw->prefix);
        reader->name[n++] = '/';
    }
    copy_field(reader->name + n, raw->name, sizeof raw->name);
    copy_field(reader->link, raw->link, sizeof raw->link);
}

static int old_gnu_sparse(struct tar_reader *reader, const unsigned char *block, uint64_t *size, struct rt_error *err)
{
    int64_t real;
    if (!tar_number(block + 483, 12, &real) || real < 0) return invalid(err, reader->name, "a sparse file has a bad size");
    *size = (uint64_t)real;
    const unsigned char *fields = block + 386;
    size_t count = 4;
    bool more = block[482] != 0;
    for (;;) {
        for (size_t i = 0; i < count && fields[24 * i] != '\0'; i++) {
            int64_t offset, bytes;
            if (!tar_number(fields + 24 * i, 12, &offset) || !tar_number(fields + 24 * i + 12, 12, &bytes) || offset < 0 || bytes < 0)
                return invalid(err, reader->name, "a sparse file has a malformed map");
            if (sparse_add(&reader->map, (uint64_t)offset, (uint64_t)bytes, err) < 0) return -1;
        }
        if (!more) return 0;
        int got = take_block(reader, &fields, err);
        if (got < 0) return -1;
        if (got == 0) return invalid(err, reader->name, "it ends within a sparse map");
        count = 21;
        more = fields[504] != 0;
    }
}

/* The map of GNU's format 1.0: decimal numbers, one a line, in blocks in front of the content. */
static int sparse_map_in_data(struct tar_reader *reader, struct rt_error *err)
{
    uint64_t wanted = 1, numbers[2] = { 0 }, value = 0; /* numbers still to come, with the count itself */
    bool have_count = false, digits = false;
    size_t have = 0;
    while (wanted > 0) {
        const unsigned char *block;
        if (reader->stored < TAR_BLOCK) return invalid(err, reader->name, "a sparse file has a malformed map");
        int got = take_block(reader, &block, err);
        if (got < 0) return -1;
        if (got == 0) return invalid(err, reader->name, "it ends within a sparse map");
        reader->stored -= TAR_BLOCK;
        for (size_t i = 0; i < TAR_BLOCK && wanted > 0; i++) {
            if (block[i] >= '0' && block[i] <= '9' && value < (uint64_t)1 << 59) {
                value = value * 10 + (uint64_t)(block[i] - '0');
                digits = true;
                continue;
            }
            if (block[i] != '\n' || !digits) return invalid(err, reader->name, "a sparse file has a malformed map");
            wanted--;
            if (!have_count) {
                if (value > UINT32_MAX) return invalid(err, reader->name, "a sparse file has a malformed map");
                have_count = true;
                wanted = value * 2;
            } else {
                numbers[have++] = value;
                if (have == 2 && sparse_add(&reader->map, numbers[0], numbers[1], err) < 0) return -1;
                have %= 2;
            }
            value = 0;
            digits = false;
        }
    }
    return 0;
}

static int entry_type(unsigned char type, struct tar_entry *entry, struct rt_error *err)
{
    size_t length = strlen(entry->path);
    switch (type) {
    case '\0': entry->type = length > 0 && entry->path[length - 1] == '/' ? ENTRY_DIR : ENTRY_FILE; return 0; /* V7 marks directories so */
    case '0': case '7': case 'S': entry->type = ENTRY_FILE; return 0;
    case '1': entry->type = ENTRY_HARDLINK; return 0;
    case '2': entry->type = ENTRY_SYMLINK; return 0;
    case '3': entry->type = ENTRY_CHAR; return 0;
    case '4': entry->type = ENTRY_BLOCK; return 0;
    case '5': entry->type = ENTRY_DIR; return 0;
    case '6': entry->type = ENTRY_FIFO; return 0;
    default: return invalid(err, entry->path, "an entry is of an unknown type");
    }
}

static bool header_numbers(const struct raw_header *raw, struct tar_entry *entry, int64_t *size)
{
    int64_t mode, uid, gid, mtime, major = 0, minor = 0;
    bool device = raw->type == '3' || raw->type == '4';
    if (!tar_number(raw->mode, sizeof raw->mode, &mode) || !tar_number(raw->uid, sizeof raw->uid, &uid) || !tar_number(raw->gid, sizeof raw->gid, &gid) ||
        !tar_number(raw->size, sizeof raw->size, size) || !tar_number(raw->mtime, sizeof raw->mtime, &mtime))
        return false;
    if (device && (!tar_number(raw->major, sizeof raw->major, &major) || !tar_number(raw->minor, sizeof raw->minor, &minor))) return false;
    if (*size < 0 || uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX || major < 0 || major > UINT32_MAX || minor < 0 || minor > UINT32_MAX) return false;
    entry->mode = (mode_t)(mode & 07777); /* some writers put the file type in front */
    entry->uid = (uint32_t)uid;
    entry->gid = (uint32_t)gid;
    entry->mtime = (struct timespec){ .tv_sec = (time_t)mtime };
    entry->major = (uint32_t)major;
    entry->minor = (uint32_t)minor;
    return true;
}

static int fill_entry(struct tar_reader *reader, const unsigned char *block, struct tar_entry *entry, struct rt_error *err)
{
    const struct raw_header *raw = (const struct raw_header *)block;
    const struct pax *pax = &reader->pax;
    int64_t stored;
    *entry = (struct tar_entry){ 0 };
    header_names(reader, raw);
    entry->path = reader->long_name.size ? reader->long_name.data : pax->sparse_name ? pax->sparse_name : pax->path ? pax->path : reader->name;
    entry->link = reader->long_link.size ? reader->long_link.data : pax->link ? pax->link : reader->link;
    if (entry_type(raw->type, entry, err) < 0) return -1;
    if (!header_numbers(raw, entry, &stored)) return invalid(err, entry->path, "a header has a number that is malformed, negative or too large");
    if (pax->has_uid) entry->uid = pax->uid;
    if (pax->has_gid) entry->gid = pax->gid;
    if (pax->has_mtime) entry->mtime = pax->mtime;
    entry->xattrs = pax->xattrs;
    entry->xattr_count = pax->xattr_count;
    uint64_t size = pax->has_size ? pax->size : (uint64_t)stored;
    reader->offset = 0;
    reader->extent = 0;
    reader->sparse = false;
    sparse_free(&reader->map);
    reader->stored = entry->type == ENTRY_FILE ? size : 0; /* links, directories and devices have no data, whatever the field says */
    reader->padding = -reader->stored % TAR_BLOCK;
    entry->size = reader->stored;
    if (entry->type != ENTRY_FILE) return 0;
    if (raw->type == 'S') {
        reader->sparse = true;
        if (old_gnu_sparse(reader, block, &entry->size, err) < 0) return -1;
    } else if (pax->sparse) {
        if (!pax->has_sparse_size) return invalid(err, entry->path, "a sparse file has no size");
        reader->sparse = true;
        entry->size = pax->sparse_size;
        if (pax->sparse_in_data) {
            if (sparse_map_in_data(reader, err) < 0) return -1;
        } else {
            reader->map = pax->map;
            reader->pax.map = (struct sparse_map){ 0 };
        }
    }
    if (reader->sparse && !sparse_valid(&reader->map, entry->size, reader->stored)) return invalid(err, entry->path, "a sparse file has a malformed map");
    return 0;
}

/* Everything after the end marker belongs to the digest. */
static int drain(struct tar_reader *reader, struct rt_error *err)
{
    const unsigned char *data;
    ssize_t n;
    while ((n = take(reader, UINT64_MAX, &data, err)) > 0) continue;
    return n < 0 ? -1 : 0;
}

int tar_next(struct tar_reader *reader, struct tar_entry *entry, struct rt_error *err)
{
    if (skip(reader, reader->stored, err) < 0 || skip(reader, reader->padding, err) < 0) return -1;
    reader->stored = reader->padding = 0;
    pax_reset(&reader->pax);
    buf_cut(&reader->long_name, 0);
    buf_cut(&reader->long_link, 0);
    bool extended = false;
    for (;;) {
        const unsigned char *block;
        int got = take_block(reader, &block, err);
        if (got < 0) return -1;
        if (got == 0 || is_zero(block)) {
            if (extended) return invalid(err, "", "it ends after an extended header");
            return got == 0 ? 0 : drain(reader, err);
        }
        if (!checksum_fits(block)) return invalid(err, reader->name, "a header has a wrong checksum");
        int64_t size;
        unsigned char type = block[156];
        if (!strchr("xgLK", type) || type == '\0') return fill_entry(reader, block, entry, err) < 0 ? -1 : 1;
        if (!tar_number(block + 124, 12, &size) || size < 0) return invalid(err, "", "an extended header has a bad size");
        if (type == 'g') {
            if (skip(reader, (uint64_t)size, err) < 0 || skip(reader, -(uint64_t)size % TAR_BLOCK, err) < 0) return -1;
            continue;
        }
        extended = true;
        struct buf *into = type == 'x' ? &reader->pax.records : type == 'L' ? &reader->long_name : &reader->long_link;
        if (type == 'x') pax_reset(&reader->pax);
        if (take_special(reader, (uint64_t)size, into, err) < 0) return -1;
        if (type != 'x') buf_cut(into, into->size > 0 ? strnlen(into->data, into->size) : 0);
        else if (pax_parse(&reader->pax, err) < 0) return -1;
    }
}

ssize_t tar_content(struct tar_reader *reader, const unsigned char **data, uint64_t *offset, struct rt_error *err)
{
    uint64_t want = reader->stored;
    *offset = reader->offset;
    if (reader->sparse) {
        while (reader->extent < reader->map.count && reader->map.extents[reader->extent].size == 0) reader->extent++;
        if (reader->extent == reader->map.count) return 0;
        want = reader->map.extents[reader->extent].size;
        *offset = reader->map.extents[reader->extent].offset;
    }
    if (want == 0) return 0;
    ssize_t n = take(reader, want, data, err);
    if (n < 0) return -1;
    if (n == 0) return invalid(err, reader->name, "it ends within an entry");
    reader->stored -= (uint64_t)n;
    reader->offset += (uint64_t)n;
    if (reader->sparse) {
        reader->map.extents[reader->extent].offset += (uint64_t)n;
        reader->map.extents[reader->extent].size -= (uint64_t)n;
    }
    return n;
}
