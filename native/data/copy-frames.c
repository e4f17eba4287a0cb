#include "data/copy-frames.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"
#include "data/place.h"

void copier_pop(struct copier *copier)
{
    struct copy_frame *frame = &copier->frames[--copier->depth];
    util_close(&frame->dir.fd);
    util_close(&frame->earlier);
}

int copier_push(struct copier *copier, struct target_dir dir, size_t kept_size, const struct timespec *mtime, struct rt_error *err)
{
    if (copier->depth == copier->capacity) {
        size_t capacity = copier->capacity ? copier->capacity * 2 : 16;
        struct copy_frame *frames = realloc(copier->frames, capacity * sizeof *frames);
        if (!frames) {
            close(dir.fd);
            return rt_nomem(err);
        }
        copier->frames = frames;
        copier->capacity = capacity;
    }
    copier->frames[copier->depth++] = (struct copy_frame){ .dir = dir, .earlier = -1, .kept_size = kept_size, .timed = mtime != NULL, .mtime = mtime ? *mtime : (struct timespec){ 0 } };
    return 0;
}

struct copy_frame *copier_top(struct copier *copier)
{
    return &copier->frames[copier->depth - 1];
}

bool copier_is_fresh(const struct copier *copier, const struct copy_frame *frame)
{
    return frame->dir.direct || (copier->target->upper < 0 && copier->target->tree->lower_count == 0);
}

/* Only what the copy makes itself is shared: elsewhere `commit` compares with the layers below. */
int copier_find_earlier(struct copier *copier, const char *name, struct rt_error *err)
{
    struct copy_frame *frame = copier_top(copier);
    if (copier->action->reuse.layer < 0 || !copier_is_fresh(copier, frame)) return 0;
    if (copier->depth > 1) {
        int above = frame[-1].earlier;
        frame->earlier = above < 0 ? -1 : openat(above, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (above >= 0 || frame[-1].dir.direct) return 0;
    }
    auto_free char *path = target_path(copier->target, &frame->dir, err);
    if (!path) return -1;
    frame->earlier = try_open_directory_strictly(copier->action->reuse.layer, path, O_PATH);
    return 0;
}

int copier_leave(struct copier *copier, struct rt_error *err)
{
    const struct copy_frame *frame = copier_top(copier);
    const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, frame->mtime };
    int result = frame->timed && futimens(frame->dir.fd, times) < 0 ? place_fail(err, errno, "futimens", copier->action->dest, "set the time of a directory of") : 0;
    copier_pop(copier);
    return result;
}

/* Visits come depth first, so the one that does is open, and lengths tell which it is. */
int copier_leave_to(struct copier *copier, const char *kept, struct rt_error *err)
{
    const char *slash = strrchr(kept, '/');
    size_t parent = slash ? (size_t)(slash - kept) : 0;
    while (copier->depth > 1 && copier_top(copier)->kept_size > parent)
        if (copier_leave(copier, err) < 0) return -1;
    return 0;
}
