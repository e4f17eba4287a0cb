#include "data/scan-directory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/plan.h"
#include "base/util.h"
#include "data/whiteout.h"

#define PART 64    /* names: some 50 µs of status */
#define BLOCK 4000 /* bytes of a small directory */

static struct rt_error no_memory = { .code = "NATIVE_FAILED", .saved_errno = ENOMEM, .syscall = "malloc", .message = "cannot allocate memory" };

/* ── memory ── */

static size_t rounded(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

static size_t directory_size(const struct scan *scan, size_t path)
{
    return rounded(sizeof(struct scan_directory)) + rounded(ignore_level_size(scan->ignore)) + rounded(ignore_level_size(scan->exclude)) + rounded(path + 1);
}

/* In memory of directory_size. */
static struct scan_directory *directory_make(const struct scan *scan, char *memory, const char *path, const struct ignore_level *ignored, const struct ignore_level *excluded)
{
    const size_t ignore = ignore_level_size(scan->ignore), exclude = ignore_level_size(scan->exclude);
    char *first = memory + rounded(sizeof(struct scan_directory)), *second = first + rounded(ignore), *text = second + rounded(exclude);
    struct scan_directory *directory = (void *)memory;
    *directory = (struct scan_directory){ .fd = -1, .ignored = (void *)first, .excluded = (void *)second, .path = text, .part = &directory->first };
    directory->first.directory = directory;
    atomic_init(&directory->users, scan->read ? 1 : 2);
    memcpy(first, ignored, ignore);
    memcpy(second, excluded, exclude);
    strcpy(text, path);
    return directory;
}

struct scan_directory *scan_directory_new(const struct scan *scan, const char *path, const struct ignore_level *ignored, const struct ignore_level *excluded,
                                          int *fd, const struct stat *st, struct rt_error *err)
{
    char *memory = malloc(directory_size(scan, strlen(path)));
    if (!memory) return rt_nomem(err), NULL;
    struct scan_directory *directory = directory_make(scan, memory, path, ignored, excluded);
    directory->fd = take_fd(fd);
    directory->st = *st;
    return directory;
}

struct scan_block *scan_part_drop(struct scan_directory *directory)
{
    struct scan_part *part = directory->part;
    struct scan_block *block = part->block;
    for (size_t i = 0; i < part->count; i++) {
        if (part->children[i].directory) scan_directory_free(part->children[i].directory);
        free(part->children[i].content.target);
    }
    if (part->error != &no_memory) free(part->error);
    directory->part = part->more;
    if (part != &directory->first) free(part);
    return block;
}

void scan_directory_free(struct scan_directory *directory)
{
    while (directory->part) free(scan_part_drop(directory));
    listing_free(&directory->names);
    util_close(&directory->fd);
    if (!directory->up) free(directory);
}

void scan_scratch_free(struct scan_scratch *scratch)
{
    listing_free(&scratch->names);
    free(scratch->ignored);
    free(scratch->excluded);
    buf_free(&scratch->path);
}

/* ── reading ── */

struct reader {
    const struct scan *scan;
    struct scan_part *part;
    struct scan_scratch *scratch;
    const atomic_bool *stop;
    size_t base; /* of the scratch's path: the directory's, and a slash */
    char *free;  /* in the block */
};

/* The path of the child. */
static int set_path(struct reader *reader, const char *name, struct rt_error *err)
{
    buf_cut(&reader->scratch->path, reader->base);
    return buf_str(&reader->scratch->path, name, err);
}

static void release(struct scan_directory *directory)
{
    if (atomic_fetch_sub(&directory->users, 1) == 1) util_close(&directory->fd);
}

static int open_directory(struct scan_directory *directory, struct rt_error *err)
{
    if (!directory->up) return 0;
    directory->fd = openat(directory->up->fd, directory->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory->fd < 0) return path_fail(err, errno, "openat", directory->path, "read the directory");
    release(directory->up);
    return fstat(directory->fd, &directory->st) < 0 ? path_fail(err, errno, "fstat", directory->path, "read the status of") : 0;
}

static struct listing *names_of(const struct reader *reader)
{
    struct listing *kept = &reader->part->directory->names;
    return kept->entries ? kept : &reader->scratch->names;
}

static int read_names(struct reader *reader, struct rt_error *err)
{
    struct scan_directory *directory = reader->part->directory;
    struct listing *names = &reader->scratch->names;
    if (open_directory(directory, err) < 0) return -1;
    if (listing_read(directory->fd, LISTING_BY_NAME, false, names, err) < 0) return rt_wrap(err, "'%s'", directory->path);
    if (names->count <= PART) return 0;
    directory->names = *names;
    *names = (struct listing){ 0 };
    return 0;
}

/* Makes room for all that the names may become. */
static int make_room(struct reader *reader, const struct listing *names, size_t to, struct rt_error *err)
{
    struct scan_part *part = reader->part;
    size_t children = rounded((to - part->from) * sizeof *part->children), size = children;
    for (size_t i = part->from; i < to; i++) {
        const size_t length = strlen(names->entries[i].name);
        size += names->entries[i].type == DT_DIR ? directory_size(reader->scan, reader->base + length) : rounded(length + 1);
    }
    if (!part->block || part->block->capacity < size) {
        const size_t capacity = size < BLOCK ? BLOCK : size;
        free(take_ptr(&part->block));
        part->block = malloc(sizeof *part->block + capacity);
        if (!part->block) return rt_nomem(err);
        part->block->capacity = capacity;
    }
    part->children = (void *)part->block->data;
    reader->free = part->block->data + children;
    return 0;
}

static int add_child(struct reader *reader, const char *name, const struct stat *st, struct rt_error *err)
{
    const struct scan *scan = reader->scan;
    struct scan_child *child = &reader->part->children[reader->part->count++];
    const size_t length = strlen(name) + 1;
    *child = (struct scan_child){ .name = memcpy(reader->free, name, length), .st = *st };
    reader->free += rounded(length);
    if (!scan->expect || !S_ISREG(st->st_mode)) return 0;
    if (set_path(reader, name, err) < 0) return -1;
    scan->expect(scan->read_arg, reader->scratch->path.data, &child->content);
    return 0;
}

static int add_directory(struct reader *reader, const char *name, bool hidden, struct rt_error *err)
{
    if (set_path(reader, name, err) < 0) return -1;
    const struct scan_scratch *scratch = reader->scratch;
    struct scan_directory *directory = directory_make(reader->scan, reader->free, scratch->path.data, scratch->ignored, scratch->excluded);
    directory->up = reader->part->directory;
    directory->name = directory->path + reader->base;
    reader->free += directory_size(reader->scan, scratch->path.size);
    reader->part->children[reader->part->count++] = (struct scan_child){ .name = directory->name, .hidden = hidden, .directory = directory };
    return 0;
}

static int read_child(struct reader *reader, const struct listed *listed, struct rt_error *err)
{
    const struct scan *scan = reader->scan;
    const struct scan_directory *here = reader->part->directory;
    struct ignore_level *ignored = reader->scratch->ignored, *excluded = reader->scratch->excluded;
    struct stat st;
    ignore_enter(scan->ignore, here->ignored, listed->name, ignored);
    ignore_enter(scan->exclude, here->excluded, listed->name, excluded);
    const bool hidden = ignored->ignored || excluded->ignored;
    if (listed->type == DT_DIR) {
        if (ignored->ignored && !ignore_may_reinclude(scan->ignore, ignored)) return 0;
        if (excluded->ignored && !ignore_may_reinclude(scan->exclude, excluded)) return 0;
        return add_directory(reader, listed->name, hidden, err);
    }
    if (hidden) return 0;
    if (fstatat(here->fd, listed->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        int errnum = errno;
        return set_path(reader, listed->name, err) < 0 ? -1 : path_fail(err, errnum, "fstatat", reader->scratch->path.data, "read the status of");
    }
    if (S_ISDIR(st.st_mode)) {
        if (set_path(reader, listed->name, err) < 0) return -1;
        const char *path = reader->scratch->path.data;
        return rt_fail_at(err, path, "FILE_CHANGED", 0, NULL, "'%s' became a directory while it was read", path);
    }
    return scan->raw && is_whiteout(&st) ? 0 : add_child(reader, listed->name, &st, err);
}

/* Nobody waits for the part any more. What the scan points to may be gone. */
static bool stopped(const struct reader *reader, struct rt_error *err)
{
    return atomic_load(reader->stop) && rt_fail(err, "CANCELLED", 0, NULL, "stopped before the end");
}

static int read_content(struct reader *reader, struct scan_child *child, struct rt_error *err)
{
    if (child->directory || !scan_is_readable(&child->st)) return 0;
    if (stopped(reader, err) || set_path(reader, child->name, err) < 0) return -1;
    const struct scan_entry entry = { .dirfd = reader->part->directory->fd, .name = child->name, .path = reader->scratch->path.data, .st = child->st };
    return reader->scan->read(reader->scan->read_arg, &entry, reader->stop, &child->content, err);
}

/* Contents come when all of the status is there. What the part ends with is the failure of the earliest child. */
static int read_children(struct reader *reader, const struct listing *names, size_t to, struct rt_error *err)
{
    struct scan_part *part = reader->part;
    int status = 0;
    for (size_t i = part->from; i < to && status == 0; i++) status = stopped(reader, err) ? -1 : read_child(reader, &names->entries[i], err);
    for (size_t i = 0; reader->scan->read && i < part->count; i++) {
        if (read_content(reader, &part->children[i], err) == 0) continue;
        part->count = i; /* nothing behind it was opened or read */
        status = -1;
    }
    return status;
}

static size_t end_of(const struct scan_part *part, const struct listing *names)
{
    return names->count - part->from > PART ? part->from + PART : names->count;
}

void scan_part_split(struct scan_part *part)
{
    struct scan_directory *directory = part->directory;
    const size_t to = directory->names.entries ? end_of(part, &directory->names) : 0;
    if (part->more || to == directory->names.count || !(part->more = calloc(1, sizeof *part->more))) return;
    part->more->directory = directory;
    part->more->from = to;
    atomic_fetch_add(&directory->users, 1);
}

static int read_part(struct reader *reader, struct rt_error *err)
{
    struct scan_part *part = reader->part;
    struct scan_directory *directory = part->directory;
    struct scan_scratch *scratch = reader->scratch;
    if (plan_check(err) < 0 || (part->from == 0 && read_names(reader, err) < 0)) return -1;
    if (!scratch->ignored && !(scratch->ignored = malloc(ignore_level_size(reader->scan->ignore)))) return rt_nomem(err);
    if (!scratch->excluded && !(scratch->excluded = malloc(ignore_level_size(reader->scan->exclude)))) return rt_nomem(err);
    buf_cut(&scratch->path, 0);
    if (*directory->path && (buf_str(&scratch->path, directory->path, err) < 0 || buf_str(&scratch->path, "/", err) < 0)) return -1;
    reader->base = scratch->path.size;

    const struct listing *names = names_of(reader);
    const size_t to = end_of(part, names);
    if (make_room(reader, names, to, err) < 0 || read_children(reader, names, to, err) < 0) return -1;
    for (size_t i = 0; i < part->count; i++)
        if (part->children[i].directory) atomic_fetch_add(&directory->users, 1);
    scan_part_split(part);
    if (to < names->count && !part->more) return rt_nomem(err);
    release(directory);
    return 0;
}

void scan_part_read(const struct scan *scan, struct scan_part *part, struct scan_scratch *scratch, const atomic_bool *stop)
{
    struct rt_error err = { 0 };
    struct reader reader = { .scan = scan, .part = part, .scratch = scratch, .stop = stop };
    if (read_part(&reader, &err) == 0) return;
    struct rt_error *error = malloc(sizeof *error);
    if (error) *error = err;
    part->error = error ? error : &no_memory;
}
