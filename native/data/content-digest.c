#include "data/content-digest.h"

#include <blake3.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/plan.h"
#include "base/util.h"
#include "data/xattr-policy.h"

static int hash_content(blake3_hasher *hasher, int fd, const char *path, const atomic_bool *stop, struct rt_error *err)
{
    static _Thread_local unsigned char buffer[256 * 1024];
    for (;;) {
        if (atomic_load(stop)) return rt_fail(err, "CANCELLED", 0, NULL, "stopped before the end");
        ssize_t size = read(fd, buffer, sizeof buffer);
        if (plan_check(err) < 0) return -1;
        if (size < 0 && errno == EINTR) continue;
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

static int read_link(const struct scan_entry *entry, struct scan_content *out, struct rt_error *err)
{
    char target[PATH_MAX + 1];
    ssize_t size = readlinkat(entry->dirfd, entry->name, target, sizeof target - 1);
    if (size < 0) return path_fail(err, errno, "readlinkat", entry->path, "read the link");
    target[size] = '\0';
    out->target = rt_strdup(target, err);
    return out->target ? 0 : -1;
}

void content_digest_expect(void *arg, const char *path, struct scan_content *out)
{
    const struct content_digests *digests = arg;
    if (digests->memory.path) remember_key(&digests->memory, path, out->key);
}

int content_digest_find(void *arg, const struct scan_entry *entry, const atomic_bool *stop, struct scan_content *out, struct rt_error *err)
{
    struct content_digests *digests = arg;
    if (S_ISLNK(entry->st.st_mode)) return read_link(entry, out, err);
    if (out->key[15] == 0) content_digest_expect(arg, entry->path, out);
    out->remembered = remember_find(&digests->memory, out->key, &entry->st, out->digest);
    if (out->remembered) return 0;
    /* O_NONBLOCK: what was a file a moment ago may be a FIFO now. */
    auto_close int fd = openat(entry->dirfd, entry->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return path_fail(err, errno, "openat", entry->path, "read the file");
    struct stat st;
    blake3_hasher hasher, attributes;
    uint8_t digest[BLAKE3_OUT_LEN];
    blake3_hasher_init(&hasher);
    blake3_hasher_init(&attributes);
    if (hash_content(&hasher, fd, entry->path, stop, err) < 0 || (digests->owners && hash_attributes(&attributes, fd, err) < 0)) return -1;
    if (fstat(fd, &st) < 0) return path_fail(err, errno, "fstat", entry->path, "read the status of");
    if (!unchanged(&st, &entry->st)) return rt_fail_at(err, entry->path, "FILE_CHANGED", 0, NULL, "'%s' changed while it was read", entry->path);
    blake3_hasher_finalize(&hasher, digest, sizeof digest);
    blake3_hasher_update(&attributes, digest, sizeof digest);
    blake3_hasher_finalize(&attributes, out->digest, CONTENT_DIGEST);
    return 0;
}

int content_digest_learn(struct content_digests *digests, const struct scan_entry *entry, struct rt_error *err)
{
    if (entry->content->remembered) {
        digests->remembered++;
        digests->memory.seen++;
        return 0;
    }
    digests->hashed++;
    return remember_add(&digests->memory, entry->content->key, &entry->st, entry->content->digest, err);
}

void content_digest_plain(const uint8_t content[CONTENT_DIGEST], uint8_t out[CONTENT_DIGEST])
{
    blake3_hasher hasher;
    blake3_hasher_init(&hasher);
    blake3_hasher_update(&hasher, content, CONTENT_DIGEST);
    blake3_hasher_finalize(&hasher, out, CONTENT_DIGEST);
}
