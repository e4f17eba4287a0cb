#include "data/content-digest.h"

#include <blake3.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/plan.h"
#include "base/util.h"
#include "data/xattr-policy.h"

static int hash_content(blake3_hasher *hasher, int fd, const char *path, struct rt_error *err)
{
    static _Thread_local unsigned char buffer[256 * 1024];
    for (;;) {
        ssize_t size = read(fd, buffer, sizeof buffer);
        if (size < 0 && errno == EINTR) {
            if (plan_check(err) < 0) return -1;
            continue;
        }
        if (size < 0) return path_fail(err, errno, "read", path, "read the file");
        if (size == 0) return 0;
        blake3_hasher_update(hasher, buffer, (size_t)size);
    }
}

static int hash_attributes(blake3_hasher *hasher, int fd, struct rt_error *err)
{
    auto_xattrs struct xattr_list list = { 0 };
    if (xattr_list_read(fd, &list, err) < 0) return -1;
    for (size_t i = 0; i < list.count; i++) {
        const struct xattr *attribute = &list.items[i];
        uint64_t size = attribute->size;
        blake3_hasher_update(hasher, attribute->name, strlen(attribute->name) + 1);
        blake3_hasher_update(hasher, &size, sizeof size);
        blake3_hasher_update(hasher, attribute->value, attribute->size);
    }
    return 0;
}

static bool unchanged(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

int content_digest(struct content_digests *digests, const struct scan_entry *entry, uint8_t out[CONTENT_DIGEST], struct rt_error *err)
{
    if (remember_find(&digests->memory, entry->path, &entry->st, out)) {
        digests->remembered++;
        return 0;
    }
    /* O_NONBLOCK: what was a file a moment ago may be a FIFO now. */
    auto_close int fd = openat(entry->dirfd, entry->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return path_fail(err, errno, "openat", entry->path, "read the file");
    struct stat st;
    blake3_hasher hasher, attributes;
    uint8_t digest[BLAKE3_OUT_LEN];
    blake3_hasher_init(&hasher);
    blake3_hasher_init(&attributes);
    if (hash_content(&hasher, fd, entry->path, err) < 0 || (digests->owners && hash_attributes(&attributes, fd, err) < 0)) return -1;
    if (fstat(fd, &st) < 0) return path_fail(err, errno, "fstat", entry->path, "read the status of");
    if (!unchanged(&st, &entry->st)) return rt_fail_at(err, entry->path, "FILE_CHANGED", 0, NULL, "'%s' changed while it was read", entry->path);
    blake3_hasher_finalize(&hasher, digest, sizeof digest);
    blake3_hasher_update(&attributes, digest, sizeof digest);
    blake3_hasher_finalize(&attributes, out, CONTENT_DIGEST);
    digests->hashed++;
    return remember_add(&digests->memory, entry->path, &entry->st, out, err);
}

void content_digest_plain(const uint8_t content[CONTENT_DIGEST], uint8_t out[CONTENT_DIGEST])
{
    blake3_hasher hasher;
    blake3_hasher_init(&hasher);
    blake3_hasher_update(&hasher, content, CONTENT_DIGEST);
    blake3_hasher_finalize(&hasher, out, CONTENT_DIGEST);
}
