#include "data/listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "data/whiteout.h"

/* What getdents64 writes. */
struct kernel_dirent {
    uint64_t d_ino;
    int64_t d_off;
    unsigned short d_reclen;
    unsigned char d_type;
    char d_name[];
};

void listing_free(struct listing *listing)
{
    free(listing->entries);
    buf_free(&listing->names);
    *listing = (struct listing){ 0 };
}

static bool is_dot(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* Each name is kept as its type, its bytes and a NUL; pointers into the buffer are made when it has stopped growing. */
static int read_names(int fd, struct buf *names, size_t *count, struct rt_error *err)
{
    _Alignas(struct kernel_dirent) char buffer[32768];
    for (;;) {
        long n = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
        if (n < 0) return rt_fail(err, "NATIVE_FAILED", errno, "getdents64", "cannot read a directory");
        if (n == 0) return 0;
        for (long at = 0; at < n;) {
            const struct kernel_dirent *entry = (const struct kernel_dirent *)(buffer + at);
            at += entry->d_reclen;
            if (is_dot(entry->d_name)) continue;
            char type = (char)entry->d_type;
            if (buf_add(names, &type, 1, err) < 0 || buf_add(names, entry->d_name, strlen(entry->d_name) + 1, err) < 0) return -1;
            (*count)++;
        }
    }
}

static int settle_type(int fd, struct listed *entry, bool whiteouts, struct rt_error *err)
{
    bool ask = entry->type == DT_UNKNOWN || (whiteouts && (entry->type == DT_CHR || entry->type == DT_SOCK));
    if (!ask) return 0;
    struct stat st;
    if (fstatat(fd, entry->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT) return 0; /* whoever uses the entry will notice */
        return rt_fail_at(err, entry->name, "NATIVE_FAILED", errno, "fstatat", "cannot read the status of '%s'", entry->name);
    }
    entry->type = (unsigned char)IFTODT(st.st_mode);
    entry->whiteout = whiteouts && is_whiteout(&st);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct listed *)a)->name, ((const struct listed *)b)->name);
}

/* The byte at `i` of the name as a tar has it: prefix, name, slash, NUL. */
static unsigned char tar_byte(const struct listed *entry, size_t i)
{
    static const char prefix[] = ".wh.";
    if (entry->whiteout) {
        if (i < sizeof prefix - 1) return (unsigned char)prefix[i];
        i -= sizeof prefix - 1;
    }
    size_t length = strlen(entry->name);
    return i < length ? (unsigned char)entry->name[i] : i == length && entry->type == DT_DIR ? '/' : '\0';
}

static int by_tar_name(const void *left, const void *right)
{
    const struct listed *a = left, *b = right;
    size_t i = 0;
    if (!a->whiteout && !b->whiteout) while (a->name[i] && a->name[i] == b->name[i]) i++;
    for (;; i++) {
        unsigned char x = tar_byte(a, i), y = tar_byte(b, i);
        if (x != y) return x < y ? -1 : 1;
        if (x == '\0') return 0;
    }
}

int listing_read(int fd, enum listing_order order, bool whiteouts, struct listing *out, struct rt_error *err)
{
    out->count = 0;
    buf_cut(&out->names, 0);
    if (read_names(fd, &out->names, &out->count, err) < 0) return -1;
    if (out->count >= out->capacity) {
        free(take_ptr(&out->entries));
        out->capacity = 0;
        if (!(out->entries = malloc((out->count + 1) * sizeof *out->entries))) return rt_nomem(err);
        out->capacity = out->count + 1;
    }
    const char *at = out->names.data;
    for (size_t i = 0; i < out->count; i++) {
        out->entries[i] = (struct listed){ .type = (unsigned char)at[0], .name = at + 1 };
        at += 1 + strlen(at + 1) + 1;
        if (settle_type(fd, &out->entries[i], whiteouts, err) < 0) return -1;
    }
    qsort(out->entries, out->count, sizeof *out->entries, order == LISTING_BY_NAME ? by_name : by_tar_name);
    return 0;
}
