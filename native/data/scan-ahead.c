#include "data/scan-ahead.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/plan.h"
#include "base/util.h"
#include "data/threads.h"

#define THREADS 7   /* more than these wait for the one that puts all in order */
#define AHEAD 64    /* parts; each may be an open directory */
#define ALONE 8     /* parts that cost less than starting threads */

struct scan_ahead {
    struct scan scan;
    pthread_mutex_t mutex;
    pthread_cond_t read; /* a part is read; the scan waits */
    pthread_cond_t work; /* a part may be taken; threads wait */
    struct scan_part order; /* a ring of the parts that wait or are taken, as the scan will come to them */
    size_t ahead;           /* parts that are taken or read, and not dropped */
    size_t alone;           /* parts read before there were threads */
    bool waits, started;
    struct scan_block *spare;
    struct scan_scratch scratch; /* of the scan itself */
    unsigned idle;
    atomic_bool stop;
    pthread_t threads[THREADS];
    unsigned thread_count;
};

/* ── the order; the mutex is held ── */

static void insert(struct scan_part *part, struct scan_part *before)
{
    part->following = before;
    part->previous = before->previous;
    before->previous->following = part;
    before->previous = part;
}

static void take_out(struct scan_part *part)
{
    part->previous->following = part->following;
    part->following->previous = part->previous;
}

/* NULL: nothing waits. Only as many parts as there are threads can come before it. */
static struct scan_part *first_waiting(struct scan_ahead *ahead)
{
    struct scan_part *part = ahead->order.following;
    while (part != &ahead->order && part->state != SCAN_WAITING) part = part->following;
    return part != &ahead->order ? part : NULL;
}

/* Takes the part, reads it without the mutex, and puts in its place what it makes known. */
static void read_part(struct scan_ahead *ahead, struct scan_part *part, struct scan_scratch *scratch)
{
    part->state = SCAN_TAKEN;
    ahead->ahead++;
    part->block = ahead->spare;
    if (part->block) ahead->spare = part->block->next;
    scan_part_split(part);
    const bool split = part->more;
    if (split) insert(part->more, part->following);
    if (split && ahead->idle > 0 && ahead->ahead < AHEAD) pthread_cond_signal(&ahead->work);
    pthread_mutex_unlock(&ahead->mutex);
    scan_part_read(&ahead->scan, part, scratch, &ahead->stop);
    pthread_mutex_lock(&ahead->mutex);
    for (size_t i = 0; i < part->count; i++)
        if (part->children[i].directory) insert(part->children[i].directory->part, part);
    if (part->more && !split) insert(part->more, part);
    take_out(part);
    part->state = SCAN_READ;
    if (ahead->waits) pthread_cond_signal(&ahead->read);
    if (ahead->idle > 0 && ahead->ahead < AHEAD && first_waiting(ahead)) pthread_cond_broadcast(&ahead->work);
}

/* ── threads ── */

static void *reader(void *arg)
{
    struct scan_ahead *ahead = arg;
    struct scan_scratch scratch = { 0 };
    pthread_mutex_lock(&ahead->mutex);
    while (!atomic_load(&ahead->stop)) {
        struct scan_part *part = ahead->ahead < AHEAD ? first_waiting(ahead) : NULL;
        if (part) {
            read_part(ahead, part, &scratch);
            continue;
        }
        ahead->idle++;
        pthread_cond_wait(&ahead->work, &ahead->mutex);
        ahead->idle--;
    }
    pthread_mutex_unlock(&ahead->mutex);
    scan_scratch_free(&scratch);
    return NULL;
}

static unsigned further_processors(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 2 ? 0 : count - 1 > THREADS ? THREADS : (unsigned)count - 1;
}

/* A thread that cannot be had is one less. */
static void start_threads(struct scan_ahead *ahead)
{
    struct rt_error ignored;
    ahead->started = true;
    unsigned wanted = further_processors();
    while (ahead->thread_count < wanted && thread_start(&ahead->threads[ahead->thread_count], reader, ahead, &ignored) == 0) ahead->thread_count++;
}

/* ── the scan ── */

struct scan_ahead *scan_ahead_open(const struct scan *scan, struct scan_directory *top, struct rt_error *err)
{
    struct scan_ahead *ahead = calloc(1, sizeof *ahead);
    if (!ahead) return rt_nomem(err), NULL;
    ahead->scan = *scan;
    ahead->order.previous = ahead->order.following = &ahead->order;
    insert(top->part, &ahead->order);
    pthread_mutex_init(&ahead->mutex, NULL);
    pthread_cond_init(&ahead->read, NULL);
    pthread_cond_init(&ahead->work, NULL);
    return ahead;
}

struct scan_part *scan_ahead_part(struct scan_ahead *ahead, struct scan_directory *directory, struct rt_error *err)
{
    struct scan_part *part = directory->part;
    pthread_mutex_lock(&ahead->mutex);
    while (part->state != SCAN_READ && !plan_cancelled()) {
        struct scan_part *other = part->state == SCAN_WAITING ? part : ahead->ahead < AHEAD ? first_waiting(ahead) : NULL;
        if (other) {
            read_part(ahead, other, &ahead->scratch);
            if (!ahead->started && ++ahead->alone >= ALONE && first_waiting(ahead)) start_threads(ahead);
            continue;
        }
        ahead->waits = true;
        thread_wait(&ahead->read, &ahead->mutex);
        ahead->waits = false;
    }
    pthread_mutex_unlock(&ahead->mutex);
    return plan_check(err) < 0 ? NULL : part;
}

void scan_ahead_drop(struct scan_ahead *ahead, struct scan_directory *directory)
{
    struct scan_block *block = scan_part_drop(directory);
    pthread_mutex_lock(&ahead->mutex);
    if (block) {
        block->next = ahead->spare;
        ahead->spare = block;
    }
    ahead->ahead--;
    /* Threads that are far ahead are left alone until half of it is used up: waking one costs as much as reading a directory. */
    if (ahead->idle > 0 && ahead->ahead == AHEAD / 2) pthread_cond_broadcast(&ahead->work);
    pthread_mutex_unlock(&ahead->mutex);
}

bool scan_ahead_close(struct scan_ahead *ahead)
{
    pthread_mutex_lock(&ahead->mutex);
    atomic_store(&ahead->stop, true);
    pthread_cond_broadcast(&ahead->work);
    pthread_mutex_unlock(&ahead->mutex);
    bool joined = true;
    for (unsigned i = 0; i < ahead->thread_count; i++) joined &= thread_join_soon(ahead->threads[i]);
    if (!joined) return false;
    for (struct scan_block *next, *block = ahead->spare; block; block = next) {
        next = block->next;
        free(block);
    }
    scan_scratch_free(&ahead->scratch);
    pthread_mutex_destroy(&ahead->mutex);
    pthread_cond_destroy(&ahead->read);
    pthread_cond_destroy(&ahead->work);
    free(ahead);
    return true;
}
