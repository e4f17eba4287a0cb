#include <inttypes.h>
#include <string.h>

#include "data/output.h"
#include "data/tar-number.h"
#include "data/tar.h"

/* Offsets and sizes of the fields of a ustar header. */
enum { NAME = 0, MODE = 100, UID = 108, GID = 116, SIZE = 124, MTIME = 136, CHECKSUM = 148, TYPE = 156, LINK = 157, MAGIC = 257, MAJOR = 329, MINOR = 337 };
enum { NAME_SIZE = 100, ID_SIZE = 8, LONG_SIZE = 12 };

static const char type_flags[] = { [ENTRY_FILE] = '0', [ENTRY_HARDLINK] = '1', [ENTRY_SYMLINK] = '2', [ENTRY_CHAR] = '3', [ENTRY_BLOCK] = '4', [ENTRY_DIR] = '5', [ENTRY_FIFO] = '6' };

/* "<length> <key>=<value>\n", where the length counts its own digits. */
static int add_record(struct buf *records, const char *key, const void *value, size_t size, struct rt_error *err)
{
    size_t rest = strlen(key) + size + 3, length = rest, digits;
    do {
        digits = (size_t)snprintf(NULL, 0, "%zu", length);
        length = rest + digits;
    } while ((size_t)snprintf(NULL, 0, "%zu", length) != digits);
    if (buf_printf(records, err, "%zu %s=", length, key) < 0 || buf_add(records, value, size, err) < 0) return -1;
    return buf_add(records, "\n", 1, err);
}

static int add_number(struct buf *records, const char *key, int64_t value, struct rt_error *err)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRId64, value);
    return add_record(records, key, text, (size_t)n, err);
}

/* Records in the order of their keys' bytes: "SCHILY…" comes before the lower-case ones. */
static int make_records(const struct tar_entry *entry, const char *path, struct buf *records, struct rt_error *err)
{
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct xattr *xattr = &entry->xattrs[i];
        auto_free char *key = rt_printf(err, "SCHILY.xattr.%s", xattr->name);
        if (!key || add_record(records, key, xattr->value, xattr->size, err) < 0) return -1;
    }
    if (!tar_fits_octal(entry->gid, ID_SIZE) && add_number(records, "gid", entry->gid, err) < 0) return -1;
    if (entry->link && strlen(entry->link) > NAME_SIZE && add_record(records, "linkpath", entry->link, strlen(entry->link), err) < 0) return -1;
    if (!tar_fits_octal(entry->mtime.tv_sec, LONG_SIZE) && add_number(records, "mtime", entry->mtime.tv_sec, err) < 0) return -1;
    if (strlen(path) > NAME_SIZE && add_record(records, "path", path, strlen(path), err) < 0) return -1;
    if (!tar_fits_octal((int64_t)entry->size, LONG_SIZE) && add_number(records, "size", (int64_t)entry->size, err) < 0) return -1;
    if (!tar_fits_octal(entry->uid, ID_SIZE) && add_number(records, "uid", entry->uid, err) < 0) return -1;
    return 0;
}

/* A number that has a PAX record leaves its field at zero. */
static void put(unsigned char *block, size_t at, size_t size, int64_t value)
{
    tar_put_number(block + at, size, tar_fits_octal(value, size) ? value : 0);
}

static void put_text(unsigned char *block, size_t at, const char *text)
{
    size_t n = strlen(text);
    memcpy(block + at, text, n < NAME_SIZE ? n : NAME_SIZE);
}

static int write_block(struct output *output, unsigned char *block, char type, struct rt_error *err)
{
    block[TYPE] = (unsigned char)type;
    memcpy(block + MAGIC, "ustar\0" "00", 8);
    memset(block + CHECKSUM, ' ', 8);
    unsigned sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++) sum += block[i];
    tar_put_number(block + CHECKSUM, 7, sum); /* six digits, NUL, blank */
    return output_write(output, block, TAR_BLOCK, err);
}

static int write_records(struct output *output, const struct buf *records, struct rt_error *err)
{
    unsigned char block[TAR_BLOCK] = { 0 };
    put_text(block, NAME, "PaxHeaders/entry");
    put(block, MODE, ID_SIZE, 0644);
    put(block, UID, ID_SIZE, 0);
    put(block, GID, ID_SIZE, 0);
    put(block, SIZE, LONG_SIZE, (int64_t)records->size);
    put(block, MTIME, LONG_SIZE, 0);
    put(block, MAJOR, ID_SIZE, 0);
    put(block, MINOR, ID_SIZE, 0);
    if (write_block(output, block, 'x', err) < 0 || output_write(output, records->data, records->size, err) < 0) return -1;
    return tar_write_padding(output, records->size, err);
}

int tar_write_header(struct output *output, const struct tar_entry *entry, struct rt_error *err)
{
    unsigned char block[TAR_BLOCK] = { 0 };
    auto_buf struct buf records = { 0 };
    auto_free char *path = rt_printf(err, "%s%s", entry->path, entry->type == ENTRY_DIR ? "/" : "");
    if (!path || make_records(entry, path, &records, err) < 0) return -1;
    if (records.size > 0 && write_records(output, &records, err) < 0) return -1;
    put_text(block, NAME, path);
    put(block, MODE, ID_SIZE, entry->mode);
    put(block, UID, ID_SIZE, entry->uid);
    put(block, GID, ID_SIZE, entry->gid);
    put(block, SIZE, LONG_SIZE, entry->type == ENTRY_FILE ? (int64_t)entry->size : 0);
    put(block, MTIME, LONG_SIZE, entry->mtime.tv_sec);
    if (entry->link) put_text(block, LINK, entry->link);
    tar_put_number(block + MAJOR, ID_SIZE, entry->major);
    tar_put_number(block + MINOR, ID_SIZE, entry->minor);
    return write_block(output, block, type_flags[entry->type], err);
}

int tar_write_padding(struct output *output, uint64_t size, struct rt_error *err)
{
    return output_zeros(output, -size % TAR_BLOCK, err);
}

int tar_write_end(struct output *output, struct rt_error *err)
{
    return output_zeros(output, 2 * TAR_BLOCK, err);
}
