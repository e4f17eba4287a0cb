#include "data/input.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/plan.h"
#include "base/util.h"
#include "data/threads.h"

#define BLOCK (256u << 10)
#define BLOCKS 6

/*
 * A ring of blocks with one writer (the inflating thread) and two readers. Positions count blocks since the start; a block is free again
 * when both readers have passed it.
 */
struct input {
    struct input_options options;
    struct decoder *decoder;
    unsigned char *blocks; /* BLOCKS * BLOCK, or one block without threads */
    size_t sizes[BLOCKS];
    struct sha256 sha;
    uint64_t total;
    atomic_uint_fast64_t consumed;

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t written, read, hashed; /* blocks */
    bool holding; /* the caller still uses block `read` */
    bool ended, failed, stop;
    struct rt_error error;
    bool inflating, hashing; /* threads that must be joined */
    pthread_t inflater, hasher;
};

static unsigned char *block(struct input *input, uint64_t position)
{
    return input->blocks + position % BLOCKS * BLOCK;
}

static ssize_t inflate_block(struct input *input, unsigned char *data, struct rt_error *err)
{
    ssize_t n = decoder_read(input->decoder, data, BLOCK, err);
    if (n < 0) return -1;
    input->total += (uint64_t)n;
    atomic_store(&input->consumed, decoder_consumed(input->decoder));
    if (input->options.limit && input->total > input->options.limit)
        return rt_fail(err, "LAYER_INVALID", 0, NULL, "the archive is larger than the limit of %llu bytes", (unsigned long long)input->options.limit);
    return n;
}

static void *inflater(void *arg)
{
    struct input *input = arg;
    for (;;) {
        pthread_mutex_lock(&input->mutex);
        uint64_t slowest;
        for (;;) {
            slowest = input->options.hash && input->hashed < input->read ? input->hashed : input->read;
            if (input->stop || input->written - slowest < BLOCKS) break;
            thread_wait(&input->changed, &input->mutex);
            if (plan_cancelled()) input->stop = true;
        }
        bool stop = input->stop;
        pthread_mutex_unlock(&input->mutex);
        if (stop) return NULL;

        struct rt_error err;
        ssize_t n = inflate_block(input, block(input, input->written), &err);

        pthread_mutex_lock(&input->mutex);
        if (n < 0) {
            input->failed = true;
            input->error = err;
        } else if (n == 0) input->ended = true;
        else input->sizes[input->written++ % BLOCKS] = (size_t)n;
        pthread_cond_broadcast(&input->changed);
        pthread_mutex_unlock(&input->mutex);
        if (n <= 0) return NULL;
    }
}

static void *hasher(void *arg)
{
    struct input *input = arg;
    for (;;) {
        pthread_mutex_lock(&input->mutex);
        while (input->hashed == input->written && !input->ended && !input->failed && !input->stop) thread_wait(&input->changed, &input->mutex);
        bool over = input->stop || input->hashed == input->written;
        pthread_mutex_unlock(&input->mutex);
        if (over) return NULL;

        sha256_add(&input->sha, block(input, input->hashed), input->sizes[input->hashed % BLOCKS]);

        pthread_mutex_lock(&input->mutex);
        input->hashed++;
        pthread_cond_broadcast(&input->changed);
        pthread_mutex_unlock(&input->mutex);
    }
}

struct input *input_open(const struct input_options *options, struct rt_error *err)
{
    struct input *input = calloc(1, sizeof *input);
    if (!input) {
        rt_nomem(err);
        return NULL;
    }
    input->options = *options;
    pthread_mutex_init(&input->mutex, NULL);
    pthread_cond_init(&input->changed, NULL);
    sha256_start(&input->sha);
    input->blocks = malloc(options->threads ? (size_t)BLOCKS * BLOCK : BLOCK);
    if (!input->blocks) rt_nomem(err);
    else input->decoder = decoder_open(options->source, options->kind, options->detect, err);
    if (!input->decoder) {
        input_close(&input);
        return NULL;
    }
    if (!options->threads) return input;
    input->inflating = thread_start(&input->inflater, inflater, input, err) == 0;
    input->hashing = input->inflating && options->hash && thread_start(&input->hasher, hasher, input, err) == 0;
    if (!input->inflating || (options->hash && !input->hashing)) input_close(&input);
    return input;
}

void input_close(struct input **pointer)
{
    struct input *input = *pointer;
    if (!input) return;
    *pointer = NULL;
    pthread_mutex_lock(&input->mutex);
    input->stop = true;
    pthread_cond_broadcast(&input->changed);
    pthread_mutex_unlock(&input->mutex);
    if (input->hashing) pthread_join(input->hasher, NULL);
    /* A thread that waits for bytes of a pipe is left to the end of the process, with all that it uses. */
    if (input->inflating && !thread_join_soon(input->inflater)) return;
    decoder_close(&input->decoder);
    pthread_mutex_destroy(&input->mutex);
    pthread_cond_destroy(&input->changed);
    free(input->blocks);
    free(input);
}

static ssize_t next_alone(struct input *input, const unsigned char **data, struct rt_error *err)
{
    if (input->ended) return 0;
    ssize_t n = inflate_block(input, input->blocks, err);
    if (n < 0) return -1;
    if (n == 0) input->ended = true;
    else if (input->options.hash) sha256_add(&input->sha, input->blocks, (size_t)n);
    *data = input->blocks;
    return n;
}

ssize_t input_next(struct input *input, const unsigned char **data, struct rt_error *err)
{
    if (plan_check(err) < 0) return -1;
    if (!input->options.threads) return next_alone(input, data, err);
    ssize_t n = 0;
    pthread_mutex_lock(&input->mutex);
    if (input->holding) {
        input->read++;
        input->holding = false;
        pthread_cond_broadcast(&input->changed);
    }
    while (input->read == input->written && !input->ended && !input->failed && !plan_cancelled()) thread_wait(&input->changed, &input->mutex);
    if (input->read < input->written) {
        *data = block(input, input->read);
        n = (ssize_t)input->sizes[input->read % BLOCKS];
        input->holding = true;
    } else if (input->failed) {
        *err = input->error;
        n = -1;
    } else if (!input->ended) n = plan_check(err);
    pthread_mutex_unlock(&input->mutex);
    return n;
}

int input_finish(struct input *input, char digest[SHA256_TEXT], uint64_t *size, struct rt_error *err)
{
    if (input->options.threads) {
        pthread_mutex_lock(&input->mutex);
        while (input->options.hash && input->hashed < input->written && !plan_cancelled()) thread_wait(&input->changed, &input->mutex);
        pthread_mutex_unlock(&input->mutex);
        if (plan_check(err) < 0) return -1;
    }
    *size = input->total;
    if (input->options.hash) sha256_end(&input->sha, digest);
    return 0;
}

uint64_t input_consumed(const struct input *input)
{
    return atomic_load(&input->consumed);
}
