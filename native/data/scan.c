#include "data/scan.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/plan.h"
#include "base/util.h"
#include "data/scan-ahead.h"

/* A directory that is being read, or is about to be: it is visited before its first visible child, even when it is ignored itself. */
struct frame {
    struct frame *up;
    int dirfd; /* where it is an entry */
    const char *name;
    const struct stat *st;
    size_t path_size, kept_size;
    bool visited;
};

struct walk {
    const struct scan *scan;
    scan_visit *visit;
    void *arg;
    struct scan_ahead *ahead;
    struct buf path, kept;
};

static void auto_level_free(void *level)
{
    free(*(void **)level);
}
#define auto_level __attribute__((cleanup(auto_level_free)))

static int push(struct buf *path, const char *name, struct rt_error *err)
{
    if (path->size > 0 && buf_add(path, "/", 1, err) < 0) return -1;
    return buf_str(path, name, err);
}

static const char *text(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}

static int visit(struct walk *walk, int dirfd, const char *name, const struct stat *st, const struct scan_content *content, bool parent, struct rt_error *err)
{
    struct scan_entry entry = { .dirfd = dirfd, .name = name, .path = text(&walk->path), .kept = text(&walk->kept), .parent = parent, .st = *st };
    entry.content = content;
    return walk->visit(walk->arg, &entry, err);
}

/* A source that is no directory. */
static int visit_single(struct walk *walk, int dirfd, const char *name, const struct stat *st, struct rt_error *err)
{
    const struct scan *scan = walk->scan;
    const struct scan_entry entry = { .dirfd = dirfd, .name = name, .path = text(&walk->path), .st = *st };
    const atomic_bool never = false;
    struct scan_content content = { 0 };
    if (scan->read && scan_is_readable(st) && scan->read(scan->read_arg, &entry, &never, &content, err) < 0) return -1;
    int status = visit(walk, dirfd, name, st, &content, false, err);
    free(content.target);
    return status;
}

/* Visits the directories on the way that were not visited yet. The paths are those of something below the frame, or its own. */
static int visit_frames(struct walk *walk, struct frame *frame, struct rt_error *err)
{
    if (!frame || frame->visited) return 0;
    if (visit_frames(walk, frame->up, err) < 0) return -1;
    frame->visited = true;
    if (walk->path.size == frame->path_size && walk->kept.size == frame->kept_size) return visit(walk, frame->dirfd, frame->name, frame->st, NULL, false, err);
    auto_buf struct buf path = walk->path, kept = walk->kept;
    walk->path = walk->kept = (struct buf){ 0 };
    int status = 0;
    if (buf_add(&walk->path, path.data ? path.data : "", frame->path_size, err) < 0 ||
        buf_add(&walk->kept, kept.data ? kept.data : "", frame->kept_size, err) < 0 ||
        visit(walk, frame->dirfd, frame->name, frame->st, NULL, false, err) < 0)
        status = -1;
    buf_free(&walk->path);
    buf_free(&walk->kept);
    walk->path = path;
    walk->kept = kept;
    path = kept = (struct buf){ 0 };
    return status;
}

static int scan_directory(struct walk *walk, struct scan_directory *directory, struct frame *frame, bool hidden, struct rt_error *err);

/* One child of the directory at `frame`, whose paths are set. */
static int scan_child(struct walk *walk, int fd, struct scan_child *child, struct frame *frame, struct rt_error *err)
{
    if (!child->directory) {
        if (visit_frames(walk, frame, err) < 0) return -1;
        return visit(walk, fd, child->name, &child->st, &child->content, false, err);
    }
    struct frame here = { .up = frame, .dirfd = fd, .name = child->name, .st = &child->directory->st, .path_size = walk->path.size, .kept_size = walk->kept.size };
    return scan_directory(walk, child->directory, &here, child->hidden, err);
}

static int scan_part(struct walk *walk, const struct scan_part *part, struct frame *frame, struct rt_error *err)
{
    const int fd = walk->scan->read ? -1 : part->directory->fd;
    for (size_t i = 0; i < part->count; i++) {
        struct scan_child *child = &part->children[i];
        size_t path_size = walk->path.size, kept_size = walk->kept.size;
        if (push(&walk->path, child->name, err) < 0 || push(&walk->kept, child->name, err) < 0 || scan_child(walk, fd, child, frame, err) < 0) return -1;
        buf_cut(&walk->path, path_size);
        buf_cut(&walk->kept, kept_size);
    }
    if (!part->error) return 0;
    *err = *part->error;
    return -1;
}

static int scan_directory(struct walk *walk, struct scan_directory *directory, struct frame *frame, bool hidden, struct rt_error *err)
{
    while (directory->part) {
        const struct scan_part *part = scan_ahead_part(walk->ahead, directory, err);
        const bool opened = part && S_ISDIR(directory->st.st_mode);
        if (!part || (opened && !hidden && visit_frames(walk, frame, err) < 0) || scan_part(walk, part, frame, err) < 0) return -1;
        scan_ahead_drop(walk->ahead, directory);
    }
    return 0;
}

/* Reads the directory at `frame` and visits all that is selected of it. */
static int scan_top(struct walk *walk, struct scan_directory *top, struct frame *frame, bool hidden, struct rt_error *err)
{
    walk->ahead = scan_ahead_open(walk->scan, top, err);
    if (!walk->ahead) return -1;
    int status = scan_directory(walk, top, frame, hidden, err);
    if (scan_ahead_close(walk->ahead)) scan_directory_free(top);
    return status;
}

/* The part of `path` behind its first `count` elements. */
static const char *skip_elements(const char *path, size_t count)
{
    for (; count > 0 && *path; count--) {
        path = strchrnul(path, '/');
        if (*path == '/') path++;
    }
    return path;
}

/* Visits the directories between the pivot and a source whose path is kept. */
static int visit_parents(struct walk *walk, const char *path, const char *kept, struct rt_error *err)
{
    for (const char *end = strchr(kept, '/'); end; end = strchr(end + 1, '/')) {
        buf_cut(&walk->path, 0);
        buf_cut(&walk->kept, 0);
        if (buf_add(&walk->path, path, (size_t)(end - path), err) < 0 || buf_add(&walk->kept, kept, (size_t)(end - kept), err) < 0) return -1;
        const char *name;
        auto_close int dir = open_parent_in_root(walk->scan->root, text(&walk->path), &name, err);
        struct stat st;
        if (dir < 0 || stat_in_root(walk->scan->root, text(&walk->path), true, &st, err) < 0) return -1;
        if (visit(walk, dir, name, &st, NULL, true, err) < 0) return -1;
    }
    return 0;
}

/* What the kept path of a source begins with. */
static const char *kept_path(const struct scan *scan, const char *path, size_t pivot, bool directory)
{
    if (scan->parents) return skip_elements(path, pivot);
    if (directory) return "";
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int scan_found(struct walk *walk, int fd, const char *path, const char *real, const char *kept, const struct ignore_level *level,
                      const struct stat *st, struct rt_error *err)
{
    const struct scan *scan = walk->scan;
    auto_level struct ignore_level *excluded = ignore_level_at(scan->exclude, scan->parents ? kept : "", err);
    if (!excluded || (scan->parents && visit_parents(walk, path, kept, err) < 0)) return -1;
    buf_cut(&walk->path, 0);
    buf_cut(&walk->kept, 0);
    if (buf_str(&walk->path, real, err) < 0 || buf_str(&walk->kept, kept, err) < 0) return -1;
    const char *name = ".";
    auto_close int dir = real[0] ? open_parent_in_root(scan->root, real, &name, err) : fcntl(scan->root, F_DUPFD_CLOEXEC, 0);
    if (dir < 0) return real[0] ? -1 : rt_fail(err, "NATIVE_FAILED", errno, "fcntl", "cannot duplicate a descriptor");
    if (!S_ISDIR(st->st_mode)) return excluded->ignored ? 0 : visit_single(walk, dir, name, st, err);
    if (excluded->ignored && !ignore_may_reinclude(scan->exclude, excluded)) return 0;
    auto_close int directory = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return path_fail(err, errno, "openat", real, "read the directory");
    struct scan_directory *top = scan_directory_new(scan, real, level, excluded, &directory, st, err);
    if (!top) return -1;
    struct frame frame = { .dirfd = dir, .name = name, .st = &top->st, .path_size = walk->path.size, .kept_size = walk->kept.size };
    return scan_top(walk, top, &frame, level->ignored || excluded->ignored, err);
}

/* Counts what comes, to see whether an ignored directory shows anything. */
struct counted {
    scan_visit *visit;
    void *arg;
    size_t count;
};

static int count_visit(void *arg, const struct scan_entry *entry, struct rt_error *err)
{
    struct counted *counted = arg;
    counted->count++;
    return counted->visit(counted->arg, entry, err);
}

int scan_source(const struct scan *scan, const char *path, size_t pivot, scan_visit *visit_entry, void *arg, struct scan_result *result,
                struct rt_error *err)
{
    *result = (struct scan_result){ .outcome = SCAN_MISSING, .rule = -1 };
    auto_close int fd = try_open_in_root(scan->root, path[0] ? path : ".", O_PATH, 0);
    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return 0;
        return path_fail(err, errno, "openat2", path, "find");
    }
    struct stat st;
    if (fstat(fd, &st) < 0) return path_fail(err, errno, "fstat", path, "read the status of");
    auto_free char *real = path_below_root(scan->root, fd, err);
    if (!real) return -1;
    auto_level struct ignore_level *written = ignore_level_at(scan->ignore, path, err), *level = ignore_level_at(scan->ignore, real, err);
    if (!written || !level) return -1;
    result->mode = st.st_mode;
    for (const struct ignore_level *each = written;; each = level) {
        bool hidden = each->ignored && !(S_ISDIR(st.st_mode) && ignore_may_reinclude(scan->ignore, each));
        if (hidden) {
            result->outcome = SCAN_HIDDEN;
            result->rule = each->rule;
            return 0;
        }
        if (each == level) break;
    }
    struct counted counted = { .visit = visit_entry, .arg = arg };
    struct walk walk = { .scan = scan, .visit = count_visit, .arg = &counted };
    int status = scan_found(&walk, fd, path, real, kept_path(scan, path, pivot, S_ISDIR(st.st_mode)), level, &st, err);
    buf_free(&walk.path);
    buf_free(&walk.kept);
    if (status < 0) return -1;
    bool shown = counted.count > 0 || !level->ignored;
    result->outcome = shown ? SCAN_FOUND : SCAN_HIDDEN;
    result->rule = shown ? -1 : level->rule;
    return 0;
}
