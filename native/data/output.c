#include "data/output.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/plan.h"
#include "base/util.h"
#include "data/compress.h"
#include "data/threads.h"

#define MAX_THREADS 64

struct slot {
    unsigned char *raw, *packed; /* packed: NULL without compression */
    size_t raw_size, packed_size;
    bool compressed;
};

struct mark {
    uint64_t offset;
    uint32_t state[SHA256_STATE];
};

/*
 * A ring of blocks, filled in order by the caller. Positions count blocks since the start. A block is free again when it was hashed and
 * written; compression may finish in any order, writing waits for its turn.
 */
struct output {
    struct output_options options;
    size_t block_size, slot_count;
    struct slot *slots;
    size_t fill; /* bytes in the block that is being filled */
    uint64_t size;

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t filled, hashed, taken, written; /* blocks; taken: given to a compressing thread */
    bool ended, stop, failed;
    struct rt_error error;

    struct mark *marks; /* by the mutex */
    size_t mark_count, mark_capacity, marks_taken;
    uint64_t hash_offset; /* the hasher's own */

    struct sha256 raw_sha, blob_sha;
    uint64_t blob_size;
    pthread_t threads[MAX_THREADS + 2];
    size_t thread_count;
};

static struct slot *slot_at(struct output *output, uint64_t position)
{
    return &output->slots[position % output->slot_count];
}

static void fail_with(struct output *output, const struct rt_error *err)
{
    pthread_mutex_lock(&output->mutex);
    if (!output->failed) output->error = *err;
    output->failed = output->stop = true;
    pthread_cond_broadcast(&output->changed);
    pthread_mutex_unlock(&output->mutex);
}

/* Waits until block `position` is filled; false when there will be none. */
static bool wait_filled(struct output *output, const uint64_t *position)
{
    while (*position == output->filled && !output->ended && !output->stop) thread_wait(&output->changed, &output->mutex);
    return !output->stop && *position < output->filled;
}

/* The next mark before `end`, where the hasher must stop; `end` when there is none. */
static uint64_t next_mark(struct output *output, uint64_t end)
{
    pthread_mutex_lock(&output->mutex);
    bool inside = output->marks_taken < output->mark_count && output->marks[output->marks_taken].offset < end;
    uint64_t offset = inside ? output->marks[output->marks_taken].offset : end;
    pthread_mutex_unlock(&output->mutex);
    return offset;
}

static void take_mark(struct output *output)
{
    pthread_mutex_lock(&output->mutex);
    sha256_save(&output->raw_sha, output->marks[output->marks_taken++].state);
    pthread_mutex_unlock(&output->mutex);
}

static void hash_block(struct output *output, const unsigned char *data, size_t size)
{
    const uint64_t start = output->hash_offset, end = start + size;
    for (uint64_t at; (at = next_mark(output, end)) < end; take_mark(output)) {
        sha256_add(&output->raw_sha, data + (output->hash_offset - start), (size_t)(at - output->hash_offset));
        output->hash_offset = at;
    }
    sha256_add(&output->raw_sha, data + (output->hash_offset - start), (size_t)(end - output->hash_offset));
    output->hash_offset = end;
}

static void *hasher(void *arg)
{
    struct output *output = arg;
    for (;;) {
        pthread_mutex_lock(&output->mutex);
        bool more = wait_filled(output, &output->hashed);
        pthread_mutex_unlock(&output->mutex);
        if (!more) return NULL;
        const struct slot *slot = slot_at(output, output->hashed);
        hash_block(output, slot->raw, slot->raw_size);
        pthread_mutex_lock(&output->mutex);
        output->hashed++;
        pthread_cond_broadcast(&output->changed);
        pthread_mutex_unlock(&output->mutex);
    }
}

static void *compress_worker(void *arg)
{
    struct output *output = arg;
    struct rt_error err;
    struct compressor *compressor = compressor_open(output->options.kind, output->options.level, &err);
    if (!compressor) {
        fail_with(output, &err);
        return NULL;
    }
    for (;;) {
        pthread_mutex_lock(&output->mutex);
        bool more = wait_filled(output, &output->taken);
        struct slot *slot = more ? slot_at(output, output->taken++) : NULL;
        pthread_mutex_unlock(&output->mutex);
        if (!slot) break;
        size_t room = compress_bound(output->options.kind, output->block_size);
        slot->packed_size = compress_block(compressor, slot->raw, slot->raw_size, slot->packed, room);
        if (slot->packed_size == 0) {
            rt_nomem(&err);
            fail_with(output, &err);
            break;
        }
        pthread_mutex_lock(&output->mutex);
        slot->compressed = true;
        pthread_cond_broadcast(&output->changed);
        pthread_mutex_unlock(&output->mutex);
    }
    compressor_close(&compressor);
    return NULL;
}

/* A plan that is cancelled must not wait for a reader who is gone: write returns EINTR only in the main thread. */
static int write_block(struct output *output, const void *data, size_t size, struct rt_error *err)
{
    if (output->options.hash_blob) sha256_add(&output->blob_sha, data, size);
    output->blob_size += size;
    if (write_all(output->options.fd, data, size) == 0) return 0;
    const char *path = output->options.path;
    return rt_fail_at(err, path, "NATIVE_FAILED", errno, "write", "cannot write '%s'", path ? path : "the archive");
}

static void *writer(void *arg)
{
    struct output *output = arg;
    bool packs = output->options.kind != COMPRESSION_NONE;
    for (;;) {
        pthread_mutex_lock(&output->mutex);
        bool more = wait_filled(output, &output->written);
        struct slot *slot = slot_at(output, output->written);
        while (more && packs && !slot->compressed) {
            thread_wait(&output->changed, &output->mutex);
            more = !output->stop;
        }
        pthread_mutex_unlock(&output->mutex);
        if (!more) return NULL;
        struct rt_error err;
        if (write_block(output, packs ? slot->packed : slot->raw, packs ? slot->packed_size : slot->raw_size, &err) < 0) {
            fail_with(output, &err);
            return NULL;
        }
        pthread_mutex_lock(&output->mutex);
        slot->compressed = false;
        output->written++;
        pthread_cond_broadcast(&output->changed);
        pthread_mutex_unlock(&output->mutex);
    }
}

static int make_slots(struct output *output, struct rt_error *err)
{
    bool packs = output->options.fd >= 0 && output->options.kind != COMPRESSION_NONE;
    output->slots = calloc(output->slot_count, sizeof *output->slots);
    if (!output->slots) return rt_nomem(err);
    for (size_t i = 0; i < output->slot_count; i++) {
        output->slots[i].raw = malloc(output->block_size);
        output->slots[i].packed = packs ? malloc(compress_bound(output->options.kind, output->block_size)) : NULL;
        if (!output->slots[i].raw || (packs && !output->slots[i].packed)) return rt_nomem(err);
    }
    return 0;
}

static int start(struct output *output, void *(*run)(void *), struct rt_error *err)
{
    if (thread_start(&output->threads[output->thread_count], run, output, err) < 0) return -1;
    output->thread_count++;
    return 0;
}

struct output *output_open(const struct output_options *options, struct rt_error *err)
{
    struct output *output = calloc(1, sizeof *output);
    if (!output) {
        rt_nomem(err);
        return NULL;
    }
    output->options = *options;
    if (options->fd < 0) output->options.kind = COMPRESSION_NONE;
    bool packs = output->options.kind != COMPRESSION_NONE;
    unsigned workers = !packs ? 0 : options->threads < 1 ? 1 : options->threads > MAX_THREADS ? MAX_THREADS : options->threads;
    output->block_size = compress_block_size(output->options.kind);
    output->slot_count = packs ? workers + 2 : 6;
    pthread_mutex_init(&output->mutex, NULL);
    pthread_cond_init(&output->changed, NULL);
    sha256_start(&output->raw_sha);
    sha256_start(&output->blob_sha);
    if (options->start) {
        sha256_resume(&output->raw_sha, options->start->state, options->start->offset);
        output->size = output->hash_offset = options->start->offset;
    }
    int result = make_slots(output, err);
    if (result == 0 && options->hash) result = start(output, hasher, err);
    if (result == 0 && options->fd >= 0) result = start(output, writer, err);
    for (unsigned i = 0; i < workers && result == 0; i++) result = start(output, compress_worker, err);
    if (result < 0) output_close(&output);
    return output;
}

void output_close(struct output **pointer)
{
    struct output *output = *pointer;
    if (!output) return;
    *pointer = NULL;
    pthread_mutex_lock(&output->mutex);
    output->stop = true;
    pthread_cond_broadcast(&output->changed);
    pthread_mutex_unlock(&output->mutex);
    bool joined = true;
    for (size_t i = 0; i < output->thread_count; i++) joined &= thread_join_soon(output->threads[i]);
    if (!joined) return; /* the writer hangs in a pipe that nobody reads; the end of the process frees all */
    for (size_t i = 0; output->slots && i < output->slot_count; i++) {
        free(output->slots[i].raw);
        free(output->slots[i].packed);
    }
    free(output->slots);
    free(output->marks);
    pthread_mutex_destroy(&output->mutex);
    pthread_cond_destroy(&output->changed);
    free(output);
}

static uint64_t slowest(const struct output *output)
{
    uint64_t position = output->filled;
    if (output->options.hash && output->hashed < position) position = output->hashed;
    if (output->options.fd >= 0 && output->written < position) position = output->written;
    return position;
}

static int wait_progress(struct output *output, bool (*done)(const struct output *), struct rt_error *err)
{
    pthread_mutex_lock(&output->mutex);
    while (!done(output) && !output->failed && !plan_cancelled()) thread_wait(&output->changed, &output->mutex);
    int result = output->failed ? (*err = output->error, -1) : 0;
    pthread_mutex_unlock(&output->mutex);
    return result < 0 ? -1 : plan_check(err);
}

static bool has_room(const struct output *output)
{
    return output->filled - slowest(output) < output->slot_count;
}

static bool is_done(const struct output *output)
{
    return slowest(output) == output->filled;
}

static void hand_over(struct output *output)
{
    pthread_mutex_lock(&output->mutex);
    slot_at(output, output->filled)->raw_size = output->fill;
    output->filled++;
    pthread_cond_broadcast(&output->changed);
    pthread_mutex_unlock(&output->mutex);
    output->fill = 0;
}

unsigned char *output_room(struct output *output, size_t *room, struct rt_error *err)
{
    if (output->fill == 0 && wait_progress(output, has_room, err) < 0) return NULL;
    *room = output->block_size - output->fill;
    return slot_at(output, output->filled)->raw + output->fill;
}

void output_filled(struct output *output, size_t size)
{
    output->fill += size;
    output->size += size;
    if (output->fill == output->block_size) hand_over(output);
}

int output_write(struct output *output, const void *data, size_t size, struct rt_error *err)
{
    for (size_t done = 0; done < size;) {
        size_t room;
        unsigned char *at = output_room(output, &room, err);
        if (!at) return -1;
        size_t n = room < size - done ? room : size - done;
        memcpy(at, (const char *)data + done, n);
        output_filled(output, n);
        done += n;
    }
    return 0;
}

int output_zeros(struct output *output, uint64_t size, struct rt_error *err)
{
    while (size > 0) {
        size_t room;
        unsigned char *at = output_room(output, &room, err);
        if (!at) return -1;
        size_t n = room < size ? room : (size_t)size;
        memset(at, 0, n);
        output_filled(output, n);
        size -= n;
    }
    return 0;
}

uint64_t output_size(const struct output *output)
{
    return output->size;
}

int output_mark(struct output *output, size_t *number, struct rt_error *err)
{
    int result = 0;
    pthread_mutex_lock(&output->mutex);
    if (output->mark_count == output->mark_capacity) {
        size_t capacity = output->mark_capacity ? output->mark_capacity * 2 : 64;
        struct mark *marks = realloc(output->marks, capacity * sizeof *marks);
        if (marks) {
            output->marks = marks;
            output->mark_capacity = capacity;
        } else result = rt_nomem(err);
    }
    if (result == 0) {
        *number = output->mark_count;
        output->marks[output->mark_count++] = (struct mark){ .offset = output->size };
    }
    pthread_mutex_unlock(&output->mutex);
    return result;
}

void output_marked(const struct output *output, size_t number, uint32_t state[SHA256_STATE])
{
    memcpy(state, output->marks[number].state, sizeof output->marks[number].state);
}

int output_finish(struct output *output, struct output_facts *facts, struct rt_error *err)
{
    if (output->fill > 0) hand_over(output);
    pthread_mutex_lock(&output->mutex);
    output->ended = true;
    pthread_cond_broadcast(&output->changed);
    pthread_mutex_unlock(&output->mutex);
    if (wait_progress(output, is_done, err) < 0) return -1;
    *facts = (struct output_facts){ .size = output->size, .blob_size = output->blob_size };
    if (output->options.hash) sha256_end(&output->raw_sha, facts->digest);
    if (output->options.hash_blob) sha256_end(&output->blob_sha, facts->blob_digest);
    return 0;
}
