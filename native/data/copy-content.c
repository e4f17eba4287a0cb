#include "data/copy-content.h"

#include <blake3.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/plan.h"
#include "base/util.h"
#include "data/content-digest.h"
#include "data/place.h"

#define BUFFER (256u << 10)
#define REFLINK_FROM 4096        /* smaller files cost less to write than to share */
#define RANGE_FROM (128u << 10)  /* from here on the kernel's own copying pays for its set-up */

void content_copier_free(struct content_copier *copier)
{
    free(copier->buffer);
    *copier = (struct content_copier){ .settled = copier->settled };
}

static int read_fail(struct rt_error *err, const char *path)
{
    return rt_fail_at(err, path, "NATIVE_FAILED", errno, "read", "cannot read '%s'", path);
}

static int changed(struct rt_error *err, const char *path)
{
    return rt_fail_at(err, path, "FILE_CHANGED", 0, NULL, "'%s' changed while it was copied", path);
}

static int copy_bytes(struct content_copier *copier, int from, uint64_t size, bool sparse, int to, const char *path, blake3_hasher *hasher, struct rt_error *err)
{
    if (!copier->buffer && !(copier->buffer = malloc(BUFFER))) return rt_nomem(err);
    for (uint64_t done = 0; done < size;) {
        ssize_t n = read(from, copier->buffer, size - done < BUFFER ? (size_t)(size - done) : BUFFER);
        if (n < 0 && errno == EINTR) {
            if (plan_check(err) < 0) return -1;
            continue;
        }
        if (n < 0) return read_fail(err, path);
        if (n == 0) return changed(err, path);
        if (hasher) blake3_hasher_update(hasher, copier->buffer, (size_t)n);
        int written = sparse ? place_bytes(to, copier->buffer, (size_t)n, done) : write_all(to, copier->buffer, (size_t)n);
        if (written < 0) return place_fail(err, errno, "write", path, "write the copy of");
        done += (uint64_t)n;
    }
    if (sparse && ftruncate(to, (off_t)size) < 0) return place_fail(err, errno, "ftruncate", path, "write the copy of");
    return 0;
}

/* 1: copied; 0: this must be done in another way. */
static int copy_range(struct content_copier *copier, int from, uint64_t size, int to, const char *path, struct rt_error *err)
{
    for (uint64_t done = 0; done < size;) {
        ssize_t n = copy_file_range(from, NULL, to, NULL, size - done < (1u << 30) ? (size_t)(size - done) : 1u << 30, 0);
        if (n < 0 && errno == EINTR) {
            if (plan_check(err) < 0) return -1;
            continue;
        }
        bool unable = n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM || errno == ETXTBSY || errno == EIO);
        if (done == 0 && unable) {
            copier->no_range = true;
            return 0;
        }
        if (n < 0) return place_fail(err, errno, "copy_file_range", path, "copy");
        if (n == 0) return done == 0 ? 0 : changed(err, path); /* file systems without real sizes (procfs) answer 0 */
        done += (uint64_t)n;
    }
    return 1;
}

static int reflink(struct content_copier *copier, int from, int to)
{
    if (ioctl(to, FICLONE, from) == 0) return 1;
    copier->no_reflink = errno != ENOSPC && errno != EDQUOT;
    return 0;
}

static int check_unchanged(const struct content_copier *copier, int from, const struct stat *st, const char *path, struct rt_error *err)
{
    struct stat now;
    if (fstat(from, &now) < 0) return rt_fail_at(err, path, "NATIVE_FAILED", errno, "fstat", "cannot read the status of '%s'", path);
    bool same = now.st_size == st->st_size && now.st_mtim.tv_sec == st->st_mtim.tv_sec && now.st_mtim.tv_nsec == st->st_mtim.tv_nsec &&
                (copier->settled || (now.st_ctim.tv_sec == st->st_ctim.tv_sec && now.st_ctim.tv_nsec == st->st_ctim.tv_nsec));
    return same ? 0 : changed(err, path);
}

int content_copy(struct content_copier *copier, int from, const struct stat *st, int to, const char *path, uint8_t digest[CONTENT_DIGEST], struct rt_error *err)
{
    uint64_t size = (uint64_t)st->st_size;
    bool sparse = (uint64_t)st->st_blocks * 512 < size && size >= 65536;
    int done = size == 0 && !digest;
    if (!done && !digest && !copier->no_reflink && size >= REFLINK_FROM) done = reflink(copier, from, to);
    if (!done && !digest && !copier->no_range && !sparse && size >= RANGE_FROM) done = copy_range(copier, from, size, to, path, err);
    if (done < 0) return -1;
    if (!done) {
        blake3_hasher hasher;
        if (digest) blake3_hasher_init(&hasher);
        if (copy_bytes(copier, from, size, sparse, to, path, digest ? &hasher : NULL, err) < 0) return -1;
        if (digest) {
            uint8_t content[CONTENT_DIGEST];
            blake3_hasher_finalize(&hasher, content, sizeof content);
            content_digest_plain(content, digest);
        }
    }
    return check_unchanged(copier, from, st, path, err);
}
