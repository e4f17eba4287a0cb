#include "data/remember.h"

#include <blake3.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"

static const char magic[16] = "tsbuild-files-1";

struct header {
    char magic[16];
    uint64_t slots; /* a power of two */
    uint64_t used;
};

/* Kernels stamp files by the clock tick (10 ms at 100 Hz); file systems without nanoseconds by 1 or 2 seconds. */
static const int64_t tick = 20 * INT64_C(1000000), coarse = 2 * INT64_C(1000000000), second = INT64_C(1000000000);

static int64_t nanoseconds(const struct timespec *time)
{
    return (int64_t)time->tv_sec * second + time->tv_nsec;
}

static uint64_t first_slot(const uint8_t key[16], uint64_t slots)
{
    uint64_t hash;
    memcpy(&hash, key, sizeof hash);
    return hash & (slots - 1);
}

static bool is_empty(const struct remember_slot *slot)
{
    return slot->key[15] == 0;
}

/* The slot of the key, or the empty one where it would go. A table always has empty slots; one from a hostile file may not. */
static uint64_t find_slot(const struct remember_slot *table, uint64_t slots, const uint8_t key[16])
{
    uint64_t at = first_slot(key, slots);
    for (uint64_t tries = 0; tries < slots && !is_empty(&table[at]) && memcmp(table[at].key, key, 16) != 0; tries++) at = (at + 1) & (slots - 1);
    return at;
}

static void map_old(struct remember *memory)
{
    struct stat st;
    auto_close int fd = open(memory->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (size_t)st.st_size < sizeof(struct header)) return;
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) return;
    memory->map = map;
    memory->map_size = (size_t)st.st_size;
    const struct header *header = map;
    bool sane = memcmp(header->magic, magic, sizeof magic) == 0 && header->slots > 0 && (header->slots & (header->slots - 1)) == 0 &&
                header->slots <= memory->map_size / sizeof(struct remember_slot) &&
                memory->map_size == sizeof *header + header->slots * sizeof(struct remember_slot);
    if (!sane) return;
    memory->old = (const struct remember_slot *)(header + 1);
    memory->old_slots = header->slots;
}

int remember_open(struct remember *memory, const char *path, struct rt_error *err)
{
    *memory = (struct remember){ .path = path, .mutex = PTHREAD_MUTEX_INITIALIZER };
    if (clock_gettime(CLOCK_REALTIME, &memory->started) < 0) return rt_fail(err, "NATIVE_FAILED", errno, "clock_gettime", "cannot read the clock");
    if (path) map_old(memory);
    return 0;
}

static bool same_file(const struct remember_slot *slot, const struct stat *st)
{
    return slot->device == st->st_dev && slot->inode == st->st_ino && slot->size == (uint64_t)st->st_size &&
           slot->mtime == nanoseconds(&st->st_mtim) && slot->ctime == nanoseconds(&st->st_ctim);
}

void remember_key(const struct remember *memory, const char *path, uint8_t key[16])
{
    blake3_hasher hasher;
    blake3_hasher_init(&hasher);
    blake3_hasher_update(&hasher, path, strlen(path));
    blake3_hasher_finalize(&hasher, key, 16);
    key[15] |= 1;
    if (!memory->old) return;
    const struct remember_slot *slot = &memory->old[first_slot(key, memory->old_slots)];
    __builtin_prefetch(slot);
    __builtin_prefetch(slot->digest);
}

static bool find_in(const struct remember_slot *table, uint64_t slots, const uint8_t key[16], const struct stat *st, uint8_t digest[CONTENT_DIGEST])
{
    const struct remember_slot *slot = slots > 0 ? &table[find_slot(table, slots, key)] : NULL;
    if (!slot || is_empty(slot) || memcmp(slot->key, key, 16) != 0 || !same_file(slot, st)) return false;
    memcpy(digest, slot->digest, CONTENT_DIGEST);
    return true;
}

bool remember_find(struct remember *memory, const uint8_t key[16], const struct stat *st, uint8_t digest[CONTENT_DIGEST])
{
    if (!memory->path) return false;
    if (find_in(memory->old, memory->old_slots, key, st, digest)) return true;
    pthread_mutex_lock(&memory->mutex);
    bool found = find_in(memory->slots, memory->slot_count, key, st, digest);
    pthread_mutex_unlock(&memory->mutex);
    return found;
}

/* A later change could leave the same status. */
static bool is_ambiguous(const struct remember *memory, const struct stat *st)
{
    int64_t now = nanoseconds(&memory->started), ctime = nanoseconds(&st->st_ctim), mtime = nanoseconds(&st->st_mtim);
    int64_t margin = ctime % second == 0 ? coarse : tick;
    return ctime > now - margin || mtime > now;
}

static int grow(struct remember *memory, uint64_t slots, struct rt_error *err)
{
    struct remember_slot *table = calloc(slots, sizeof *table);
    if (!table) return rt_nomem(err);
    for (uint64_t i = 0; i < memory->slot_count; i++)
        if (!is_empty(&memory->slots[i])) table[find_slot(table, slots, memory->slots[i].key)] = memory->slots[i];
    free(memory->slots);
    memory->slots = table;
    memory->slot_count = slots;
    return 0;
}

static int insert(struct remember *memory, const struct remember_slot *slot, bool replace, struct rt_error *err)
{
    if (memory->used * 2 >= memory->slot_count && grow(memory, memory->slot_count ? memory->slot_count * 2 : 1024, err) < 0) return -1;
    struct remember_slot *place = &memory->slots[find_slot(memory->slots, memory->slot_count, slot->key)];
    bool empty = is_empty(place);
    if (empty) memory->used++;
    if (empty || replace) *place = *slot;
    return 0;
}

int remember_add(struct remember *memory, const uint8_t key[16], const struct stat *st, const uint8_t digest[CONTENT_DIGEST], struct rt_error *err)
{
    if (!memory->path || is_ambiguous(memory, st)) return 0;
    struct remember_slot slot = { .device = st->st_dev,
                                  .inode = st->st_ino,
                                  .size = (uint64_t)st->st_size,
                                  .mtime = nanoseconds(&st->st_mtim),
                                  .ctime = nanoseconds(&st->st_ctim) };
    memcpy(slot.key, key, sizeof slot.key);
    memcpy(slot.digest, digest, CONTENT_DIGEST);
    pthread_mutex_lock(&memory->mutex);
    int result = insert(memory, &slot, true, err);
    pthread_mutex_unlock(&memory->mutex);
    return result;
}

/* Other builds of the same context may look at other files: what they learnt is kept, unless it is most of the memory. */
static int keep_old(struct remember *memory, struct rt_error *err)
{
    uint64_t limit = 4 * (memory->used + memory->seen) + 10000;
    for (uint64_t i = 0; i < memory->old_slots && memory->used < limit; i++)
        if (!is_empty(&memory->old[i]) && insert(memory, &memory->old[i], false, err) < 0) return -1;
    return 0;
}

void remember_save(struct remember *memory)
{
    struct rt_error ignored = { 0 };
    if (!memory->slots || keep_old(memory, &ignored) < 0) return;
    auto_free char *temporary = rt_printf(&ignored, "%s.%d.new", memory->path, (int)getpid());
    if (!temporary) return;
    auto_close int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return;
    struct header header = { .slots = memory->slot_count, .used = memory->used };
    memcpy(header.magic, magic, sizeof magic);
    bool written = write_all(fd, &header, sizeof header) == 0 &&
                   write_all(fd, memory->slots, memory->slot_count * sizeof *memory->slots) == 0 && rename(temporary, memory->path) == 0;
    if (!written) unlink(temporary);
}

void remember_close(struct remember *memory)
{
    free(memory->slots);
    if (memory->map) munmap(memory->map, memory->map_size);
    *memory = (struct remember){ 0 };
}
