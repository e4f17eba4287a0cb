#include "runtime/chroot_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"
#include "data/remove-tree.h"

#define SAVED ".tsbuild-saved."

/* A parent stays when something was put into it, a directory goes with all that it holds. */
enum change_kind { MADE_FILE, MADE_PARENT, MADE_DIRECTORY };

/* A name that was put into the directory `parent` of the root; what was there has the name SAVED NAME. */
struct chroot_change {
    char *parent, *name;
    bool saved;
    enum change_kind kind;
    struct timespec before; /* time of the parent */
};

void chroot_files_free(struct chroot_files *files)
{
    for (size_t i = 0; i < files->source_count; i++) {
        free(files->sources[i].source);
        free(files->sources[i].target);
        if (files->sources[i].copy) copy_free(files->sources[i].copy);
        free(files->sources[i].copy);
    }
    for (size_t i = 0; i < files->change_count; i++) {
        free(files->changes[i].parent);
        free(files->changes[i].name);
    }
    free(files->sources);
    free(files->changes);
    *files = (struct chroot_files){0};
}

static int parse_copy(json_t *object, struct chroot_source *source, struct rt_error *err)
{
    json_t *copy = NULL;
    if (json_opt_obj(object, "copy", &copy, err)) return -1;
    if (!copy) return 0;
    if (!(source->copy = calloc(1, sizeof *source->copy))) return rt_nomem(err);
    source->copy->reuse = (struct reuse)REUSE_NONE;
    return copy_parse(copy, source->copy, err);
}

int chroot_files_parse(const json_t *plan, struct chroot_files *out, struct rt_error *err)
{
    json_t *list = NULL, *object;
    int64_t mode;
    if (json_opt_arr(plan, "files", &list, err)) return -1;
    size_t count = json_array_size(list);
    out->sources = calloc(count + 1, sizeof *out->sources);
    if (!out->sources) return rt_nomem(err);
    for (; out->source_count < count; out->source_count++) {
        struct chroot_source *source = &out->sources[out->source_count];
        if (json_elem_obj(list, out->source_count, "files", &object, err) || json_allow(object, err, "source", "target", "mode", "copy", NULL) || json_req_i64(object, "mode", 0, 07777, &mode, err)) return -1;
        source->mode = (unsigned)mode;
        if (json_opt_bytes(object, "source", &source->source, NULL, err) || json_req_bytes(object, "target", &source->target, NULL, err) || parse_copy(object, source, err)) {
            out->source_count++;
            return -1;
        }
    }
    return 0;
}

static int place_failed(const char *path, const char *syscall, struct rt_error *err)
{
    return rt_fail_at(err, path, "NATIVE_FAILED", errno, syscall, "cannot put '%s' into the root", path);
}

/* Notes that `name` comes into the directory, and moves away what is there. */
static int note(struct chroot_files *files, int rootfd, int parent, const char *name, enum change_kind kind, struct rt_error *err)
{
    struct stat st;
    char saved[NAME_MAX + 32];
    struct chroot_change *changes = realloc(files->changes, (files->change_count + 1) * sizeof *changes);
    if (!changes) return rt_nomem(err);
    files->changes = changes;
    struct chroot_change *change = &changes[files->change_count];
    if (fstat(parent, &st)) return place_failed(name, "fstat", err);
    *change = (struct chroot_change){.parent = path_below_root(rootfd, parent, err), .before = st.st_mtim, .kind = kind};
    if (!change->parent) return -1;
    if (!(change->name = rt_strdup(name, err))) {
        free(change->parent);
        return -1;
    }
    files->change_count++;
    snprintf(saved, sizeof saved, SAVED "%s", name);
    if (renameat(parent, name, parent, saved) == 0) change->saved = true;
    else if (errno != ENOENT) return place_failed(name, "renameat", err);
    return 0;
}

/* Opens the directory of `path` for reading, making what is missing. The last component, links not followed, is in *name. */
static int open_parent(struct chroot_files *files, int rootfd, const char *path, const char **name, struct rt_error *err)
{
    auto_free char *clean = path_clean(path, err);
    if (!clean) return -1;
    auto_close int at = openat(rootfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    if (at < 0 || !is_file_name(*name)) return rt_fail_at(err, path, "PLAN_INVALID", 0, NULL, "'%s' names no file", path);
    for (char *rest = clean, *end; (end = strchr(rest, '/')); rest = end + 1) {
        *end = '\0';
        auto_close int next = try_open_in_root(rootfd, clean, O_PATH | O_DIRECTORY, 0);
        if (next < 0 && errno == ENOENT) {
            if (note(files, rootfd, at, rest, MADE_PARENT, err)) return -1;
            if (mkdirat(at, rest, 0755)) return place_failed(path, "mkdirat", err);
            next = openat(at, rest, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        }
        if (next < 0) return place_failed(path, "openat", err);
        util_close(&at);
        at = take_fd(&next);
        *end = '/';
    }
    return take_fd(&at);
}

/* Of a directory its content. */
static int put_copy(const struct chroot_source *source, int rootfd, struct rt_error *err)
{
    static const struct tree plain = {0};
    struct copy_outcome outcome = {0};
    struct target target = {.tree = &plain, .root = fcntl(rootfd, F_DUPFD_CLOEXEC, 0), .upper = -1};
    if (target.root < 0) return place_failed(source->target, "fcntl", err);
    int result = copy_run(source->copy, &target, &outcome, err);
    target_close(&target);
    free(outcome.same);
    free(outcome.changed);
    return result;
}

static int put(struct chroot_files *files, const struct chroot_source *source, int rootfd, struct rt_error *err)
{
    const char *name;
    auto_close int parent = open_parent(files, rootfd, source->target, &name, err);
    if (parent < 0) return -1;
    if (source->copy) return note(files, rootfd, parent, name, MADE_DIRECTORY, err) ? -1 : put_copy(source, rootfd, err);
    if (!source->source) {
        if (note(files, rootfd, parent, name, MADE_DIRECTORY, err)) return -1;
        return mkdirat(parent, name, source->mode) ? place_failed(source->target, "mkdirat", err) : 0;
    }
    auto_close int from = open(source->source, O_RDONLY | O_CLOEXEC);
    if (from < 0) return path_fail(err, errno, "open", source->source, "read");
    if (note(files, rootfd, parent, name, MADE_FILE, err)) return -1;
    auto_close int to = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, source->mode);
    char buffer[16384];
    if (to < 0) return place_failed(source->target, "openat", err);
    for (ssize_t n; (n = read_all(from, buffer, sizeof buffer)) != 0;)
        if (n < 0 || write_all(to, buffer, (size_t)n)) return place_failed(source->target, "write", err);
    return 0;
}

/* An image's own stay. Where no node can be made, in a user namespace, there is none: a file of that name would be worse. */
static int put_devices(struct chroot_files *files, int rootfd, struct rt_error *err)
{
    static const struct {
        const char *path;
        unsigned minor, major;
    } DEVICES[] = {{"dev/null", 3, 1}, {"dev/zero", 5, 1}, {"dev/full", 7, 1}, {"dev/random", 8, 1}, {"dev/urandom", 9, 1}, {"dev/tty", 0, 5}};
    for (size_t i = 0; i < ARRAY_LEN(DEVICES); i++) {
        const char *name;
        struct stat st;
        auto_close int parent = open_parent(files, rootfd, DEVICES[i].path, &name, err);
        if (parent < 0) return -1;
        if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode)) continue;
        if (note(files, rootfd, parent, name, MADE_FILE, err)) return -1;
        if (mknodat(parent, name, S_IFCHR | 0666, makedev(DEVICES[i].major, DEVICES[i].minor)) && errno != EPERM) return place_failed(DEVICES[i].path, "mknodat", err);
    }
    return 0;
}

int chroot_files_place(struct chroot_files *files, int rootfd, struct rt_error *err)
{
    if (put_devices(files, rootfd, err)) return -1;
    for (size_t i = 0; i < files->source_count; i++)
        if (put(files, &files->sources[i], rootfd, err)) return -1;
    return 0;
}

static int take_back(const struct chroot_change *change, int rootfd, struct rt_error *err)
{
    char saved[NAME_MAX + 32];
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, change->before};
    auto_close int parent = try_open_directory_strictly(rootfd, change->parent, O_RDONLY);
    if (parent < 0) return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : place_failed(change->name, "openat2", err); /* the process has removed all of it */
    snprintf(saved, sizeof saved, SAVED "%s", change->name);
    if (change->kind == MADE_DIRECTORY) {
        if (remove_tree(parent, change->name, NULL, err)) return -1;
    } else if (unlinkat(parent, change->name, change->kind == MADE_PARENT ? AT_REMOVEDIR : 0)) {
        if (change->kind == MADE_PARENT && (errno == ENOTEMPTY || errno == EEXIST)) return 0; /* the process has put something into it */
        if (errno != ENOENT && errno != ENOTDIR && errno != EISDIR) return place_failed(change->name, "unlinkat", err);
    }
    if (change->saved && renameat(parent, saved, parent, change->name) && errno != ENOENT && errno != EISDIR) return place_failed(change->name, "renameat", err);
    futimens(parent, times);
    return 0;
}

int chroot_files_restore(struct chroot_files *files, int rootfd, struct rt_error *err)
{
    int result = 0;
    struct rt_error later;
    for (size_t i = files->change_count; i > 0; i--)
        if (take_back(&files->changes[i - 1], rootfd, result ? &later : err)) result = -1;
    return result;
}

void chroot_kill_left(void)
{
    /* A child that is killed leaves its own children to us: until there are none. */
    for (;;) {
        auto_file FILE *children = fopen("/proc/thread-self/children", "re");
        int pid, found = 0;
        while (children && fscanf(children, "%d", &pid) == 1) {
            kill(pid, SIGKILL);
            found++;
        }
        if (found == 0) return;
        while (waitpid(-1, NULL, 0) < 0 && errno == EINTR) continue;
    }
}
