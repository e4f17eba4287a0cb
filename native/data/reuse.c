#include "data/reuse.h"

#include <blake3.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"
#include "data/content-digest.h"
#include "data/manifest.h"

#define KEY 16
#define CHUNK (64u << 10)

struct reuse_digest {
    uint8_t key[KEY]; /* of the path; all zero: empty */
    uint8_t digest[CONTENT_DIGEST];
    uint64_t record; /* a digest of the whole record */
};

int reuse_parse(const json_t *object, const char *key, struct reuse *out, struct rt_error *err)
{
    json_t *value = NULL;
    *out = (struct reuse)REUSE_NONE;
    if (json_opt_obj(object, key, &value, err) < 0) return -1;
    if (!value) return 0;
    if (json_allow(value, err, "layer", "manifest", "marks", NULL) == 0 && json_req_bytes(value, "layer", &out->layer_path, NULL, err) == 0 &&
        json_opt_bytes(value, "manifest", &out->manifest_path, NULL, err) == 0 && json_opt_bytes(value, "marks", &out->marks_path, NULL, err) == 0)
        return 0;
    reuse_free(out);
    return -1;
}

void reuse_free(struct reuse *reuse)
{
    util_close(&reuse->layer);
    free(reuse->layer_path);
    free(reuse->manifest_path);
    free(reuse->marks_path);
    free(reuse->slots);
    path_set_free(&reuse->used);
    *reuse = (struct reuse)REUSE_NONE;
}

static void key_of(const char *path, uint8_t key[KEY])
{
    blake3_hasher hasher;
    blake3_hasher_init(&hasher);
    blake3_hasher_update(&hasher, path, strlen(path));
    blake3_hasher_finalize(&hasher, key, KEY);
}

/* The slot of the key, or the free one where it belongs. */
static struct reuse_digest *find(struct reuse_digest *slots, size_t capacity, const uint8_t key[KEY])
{
    static const uint8_t empty[KEY];
    uint64_t hash;
    memcpy(&hash, key, sizeof hash);
    size_t i = hash & (capacity - 1);
    while (memcmp(slots[i].key, empty, KEY) != 0 && memcmp(slots[i].key, key, KEY) != 0) i = (i + 1) & (capacity - 1);
    return &slots[i];
}

static int grow(struct reuse *reuse, struct rt_error *err)
{
    static const uint8_t empty[KEY];
    size_t capacity = reuse->capacity ? reuse->capacity * 2 : 1024;
    struct reuse_digest *slots = calloc(capacity, sizeof *slots);
    if (!slots) return rt_nomem(err);
    for (size_t i = 0; i < reuse->capacity; i++)
        if (memcmp(reuse->slots[i].key, empty, KEY) != 0) *find(slots, capacity, reuse->slots[i].key) = reuse->slots[i];
    free(reuse->slots);
    reuse->slots = slots;
    reuse->capacity = capacity;
    return 0;
}

static uint64_t digest_of(const struct manifest_record *record)
{
    blake3_hasher hasher;
    uint64_t digest;
    blake3_hasher_init(&hasher);
    blake3_hasher_update(&hasher, record, sizeof *record);
    blake3_hasher_finalize(&hasher, (uint8_t *)&digest, sizeof digest);
    return digest;
}

static int read_digests(struct reuse *reuse, struct manifest_reader *reader, struct rt_error *err)
{
    size_t count = 0;
    int more;
    while ((more = manifest_next(reader, err)) == 1) {
        if (count * 2 >= reuse->capacity && grow(reuse, err) < 0) return -1;
        uint8_t key[KEY];
        key_of(reader->path.data, key);
        struct reuse_digest *slot = find(reuse->slots, reuse->capacity, key);
        memcpy(slot->key, key, KEY);
        memcpy(slot->digest, reader->record.digest, CONTENT_DIGEST);
        slot->record = digest_of(&reader->record);
        count++;
    }
    reuse->known = count > 0;
    reuse->records = count;
    return more;
}

int reuse_open(struct reuse *reuse, bool by_manifest, struct rt_error *err)
{
    if (!reuse->layer_path) return 0;
    reuse->layer = open(reuse->layer_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (reuse->layer < 0 || !by_manifest || !reuse->manifest_path) return 0;
    struct manifest_reader reader;
    struct rt_error ignored;
    int result = manifest_open(&reader, reuse->manifest_path, &ignored) < 0 ? 0 : read_digests(reuse, &reader, err);
    manifest_close(&reader);
    return result;
}

static bool is_known(const struct reuse *reuse, const char *path, const uint8_t digest[CONTENT_DIGEST])
{
    uint8_t key[KEY];
    key_of(path, key);
    const struct reuse_digest *slot = find(reuse->slots, reuse->capacity, key);
    return memcmp(slot->key, key, KEY) == 0 && memcmp(slot->digest, digest, CONTENT_DIGEST) == 0;
}

bool reuse_untouched(struct reuse *reuse, const char *path, const struct manifest_record *record)
{
    if (!reuse->known) return false;
    uint8_t key[KEY];
    key_of(path, key);
    const struct reuse_digest *slot = find(reuse->slots, reuse->capacity, key);
    if (memcmp(slot->key, key, KEY) != 0) return false;
    reuse->seen++;
    return slot->record == digest_of(record);
}

/* 1 the file has the digest, 0 not, -1. */
static int has_digest(int from, const char *name, const uint8_t digest[CONTENT_DIGEST], struct rt_error *err)
{
    auto_close int fd = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    auto_free unsigned char *buffer = malloc(CHUNK);
    if (!buffer) return rt_nomem(err);
    blake3_hasher hasher;
    blake3_hasher_init(&hasher);
    ssize_t n = -1;
    while (fd >= 0 && (n = read_all(fd, buffer, CHUNK)) > 0) blake3_hasher_update(&hasher, buffer, (size_t)n);
    if (n < 0) return 0; /* it will be copied instead */
    uint8_t content[CONTENT_DIGEST], found[CONTENT_DIGEST];
    blake3_hasher_finalize(&hasher, content, sizeof content);
    content_digest_plain(content, found);
    return memcmp(found, digest, CONTENT_DIGEST) == 0;
}

static bool same_status(const struct stat *a, const struct stat *b)
{
    return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int reuse_link(struct reuse *reuse, int from, int to, const char *name, const char *path, const struct stat *want, const uint8_t digest[CONTENT_DIGEST], struct rt_error *err)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !same_status(&st, want)) return 0;
    int same = reuse->known ? is_known(reuse, path, digest) : has_digest(from, name, digest, err);
    if (same <= 0) return same;
    const uint64_t inode[2] = { st.st_dev, st.st_ino };
    if (path_set_has(&reuse->used, (const char *)inode, sizeof inode)) return 0;
    if (path_set_add(&reuse->used, (const char *)inode, sizeof inode, err) < 0) return -1;
    return linkat(from, name, to, name, 0) == 0; /* EEXIST, EMLINK, EXDEV: it is copied as any other */
}
