#include "base/path.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"

#define MAX_LINKS 40    /* the kernel's own MAXSYMLINKS */
#define MAX_RETRIES 128 /* EAGAIN: a rename raced ".."; the kernel asks us to try again */

static int openat2_in_root(int rootfd, const char *path, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC),
        .mode = flags & (O_CREAT | __O_TMPFILE) ? mode : 0,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    int fd = -1;
    for (int tries = 0; tries < MAX_RETRIES; tries++) {
        fd = (int)syscall(SYS_openat2, rootfd, path, &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
    }
    return fd;
}

/* Old container engines answer unknown system calls with EPERM instead of ENOSYS; a genuine EPERM is found again by the walk. */
int try_open_in_root(int rootfd, const char *path, int flags, mode_t mode)
{
    if (*path == '\0') path = ".";
    int fd = openat2_in_root(rootfd, path, flags, mode);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd;
    return walk_open_in_root(rootfd, path, flags, mode);
}

static int strict_walk(int dirfd, const char *path, int flags)
{
    auto_close int fd = openat(dirfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && *path) {
        size_t n = strcspn(path, "/");
        char name[NAME_MAX + 1];
        if (n == 0 || n > NAME_MAX) {
            errno = n == 0 ? EXDEV : ENAMETOOLONG;
            return -1;
        }
        memcpy(name, path, n);
        name[n] = '\0';
        path += n + (path[n] == '/');
        if (strcmp(name, "..") == 0) {
            errno = EXDEV;
            return -1;
        }
        int next = openat(fd, name, (*path ? O_PATH : flags) | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        util_close(&fd);
        fd = next;
    }
    return take_fd(&fd);
}

int try_open_directory_strictly(int dirfd, const char *path, int flags)
{
    struct open_how how = {
        .flags = (unsigned)(flags | O_DIRECTORY | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    int fd = -1;
    for (int tries = 0; tries < MAX_RETRIES; tries++) {
        fd = (int)syscall(SYS_openat2, dirfd, *path ? path : ".", &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
    }
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd;
    return *path ? strict_walk(dirfd, path, flags) : openat(dirfd, ".", flags | O_DIRECTORY | O_CLOEXEC);
}

int path_fail(struct rt_error *err, int errnum, const char *syscall, const char *path, const char *what)
{
    const char *code = errnum == ENOENT    ? "PATH_MISSING"
                       : errnum == ENOTDIR ? "NOT_A_DIRECTORY"
                       : errnum == EXDEV   ? "PATH_ESCAPES"
                                           : "NATIVE_FAILED";
    return rt_fail_at(err, path, code, errnum, syscall, "cannot %s '%s'", what, path);
}

int open_in_root(int rootfd, const char *path, int flags, mode_t mode, struct rt_error *err)
{
    int fd = try_open_in_root(rootfd, path, flags, mode);
    return fd >= 0 ? fd : path_fail(err, errno, "openat2", path, flags & O_CREAT ? "create" : "open");
}

int stat_in_root(int rootfd, const char *path, bool follow, struct stat *out, struct rt_error *err)
{
    auto_close int fd = open_in_root(rootfd, path, O_PATH | (follow ? 0 : O_NOFOLLOW), 0, err);
    if (fd < 0) return -1;
    if (fstatat(fd, "", out, AT_EMPTY_PATH) < 0) return path_fail(err, errno, "fstat", path, "read the status of");
    return 0;
}

int open_parent_in_root(int rootfd, const char *path, const char **name, struct rt_error *err)
{
    size_t end = strlen(path);
    while (end > 0 && path[end - 1] == '/') end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') start--;
    bool nameless = end == start || (end - start == 1 && path[start] == '.') || (end - start == 2 && path[start] == '.' && path[start + 1] == '.');
    if (nameless) {
        *name = ".";
        return open_in_root(rootfd, path, O_PATH | O_DIRECTORY, 0, err);
    }
    auto_free char *parent = rt_memdup(path, start, err);
    if (!parent) return -1;
    int fd = open_in_root(rootfd, parent, O_PATH | O_DIRECTORY, 0, err);
    *name = path + start;
    return fd;
}

bool is_file_name(const char *name)
{
    size_t size = strlen(name);
    return size > 0 && size <= NAME_MAX && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

char *path_clean(const char *path, struct rt_error *err)
{
    char *out = malloc(strlen(path) + 1);
    if (!out) {
        rt_nomem(err);
        return NULL;
    }
    size_t size = 0;
    while (*path) {
        size_t n = strcspn(path, "/");
        if (n == 2 && path[0] == '.' && path[1] == '.') {
            while (size > 0 && out[--size] != '/') continue;
        } else if (n > 0 && !(n == 1 && path[0] == '.')) {
            if (size > 0) out[size++] = '/';
            memcpy(out + size, path, n);
            size += n;
        }
        path += n + (path[n] == '/');
    }
    out[size] = '\0';
    return out;
}

static ssize_t path_of(int fd, char path[PATH_MAX], struct rt_error *err)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    if (size < 0) return rt_fail(err, "NATIVE_FAILED", errno, "readlink", "cannot tell where an open file is");
    path[size] = '\0';
    return size;
}

char *path_below_root(int rootfd, int fd, struct rt_error *err)
{
    char root[PATH_MAX], path[PATH_MAX];
    ssize_t size = path_of(rootfd, root, err);
    if (size < 0 || path_of(fd, path, err) < 0) return NULL;
    if (strcmp(root, "/") == 0) size = 0;
    if (strncmp(path, root, (size_t)size) == 0 && (path[size] == '/' || path[size] == '\0')) return path_clean(path + size, err);
    rt_fail_at(err, path, "PATH_ESCAPES", 0, NULL, "'%s' is not below '%s'", path, root);
    return NULL;
}

/*
 * The walk: one component at a time, each opened O_NOFOLLOW below the directory before it, links expanded as text. ".." goes back to the
 * root and down again over the names found so far, as an open directory may have been moved out of the root meanwhile.
 */
struct walk {
    int rootfd;
    int fd;              /* the directory reached, O_PATH */
    struct buf resolved; /* its path: real names only */
    struct buf pending;  /* what is left to walk */
    int links;
    mode_t mkdir_mode;
    mkdir_hook *created;
    void *arg;
    bool make;      /* missing directories are made */
    bool stop_last; /* the last component is not opened but kept in `last` */
    char *last;
    struct rt_error *err;
};

static void walk_end(struct walk *walk)
{
    util_close(&walk->fd);
    buf_free(&walk->resolved);
    buf_free(&walk->pending);
    free(walk->last);
}

static int enter(struct walk *walk, int fd)
{
    if (fd < 0) return -1;
    util_close(&walk->fd);
    walk->fd = fd;
    return 0;
}

static int enter_root(struct walk *walk)
{
    buf_cut(&walk->resolved, 0);
    return enter(walk, openat(walk->rootfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

static int enter_parent(struct walk *walk)
{
    auto_free char *names = strdup(walk->resolved.data ? walk->resolved.data : "");
    if (!names) return -1;
    char *slash = strrchr(names, '/');
    *(slash ? slash : names) = '\0';
    if (enter_root(walk) < 0) return -1;
    for (char *state = NULL, *name = strtok_r(names, "/", &state); name; name = strtok_r(NULL, "/", &state)) {
        if (enter(walk, openat(walk->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0) return -1;
        if (buf_printf(&walk->resolved, walk->err, "%s%s", walk->resolved.size ? "/" : "", name) < 0) return -1;
    }
    return 0;
}

static int make_directory(struct walk *walk, const char *name)
{
    if (mkdirat(walk->fd, name, walk->mkdir_mode) < 0) return errno == EEXIST ? 0 : -1;
    if (!walk->created) return 0;
    auto_close int fd = openat(walk->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return -1;
    auto_free char *path = rt_printf(walk->err, "%s%s%s", walk->resolved.size ? walk->resolved.data : "", walk->resolved.size ? "/" : "", name);
    if (!path) return -1;
    return walk->created(fd, path, walk->arg, walk->err);
}

static int enter_directory(struct walk *walk, const char *name)
{
    const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(walk->fd, name, flags);
    if (fd < 0 && errno == ENOENT && walk->make) {
        if (make_directory(walk, name) < 0) return -1;
        fd = openat(walk->fd, name, flags);
    }
    if (enter(walk, fd) < 0) return -1;
    return buf_printf(&walk->resolved, walk->err, "%s%s", walk->resolved.size ? "/" : "", name);
}

/* Puts the link's target in front of what is left. */
static int expand(struct walk *walk, const char *target, const char *rest)
{
    if (++walk->links > MAX_LINKS) {
        errno = ELOOP;
        return -1;
    }
    struct buf pending = { 0 };
    if (buf_printf(&pending, walk->err, "%s%s", target, rest) < 0) return -1;
    buf_free(&walk->pending);
    walk->pending = pending;
    return target[0] == '/' ? enter_root(walk) : 0;
}

/* Walks to the end of `path` and opens it. errno tells the fault; err->code is set as well when it came from the hook or from memory. */
static int walk_to(struct walk *walk, const char *path, int flags, mode_t mode)
{
    if (enter_root(walk) < 0 || buf_str(&walk->pending, path, walk->err) < 0) return -1;
    for (;;) {
        char *name = walk->pending.data + strspn(walk->pending.data, "/");
        size_t length = strcspn(name, "/");
        if (length == 0 && walk->stop_last && !(walk->last = rt_strdup(".", walk->err))) return -1;
        if (length == 0) return openat(walk->fd, ".", (flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_NOFOLLOW)) | O_CLOEXEC);
        auto_free char *rest = rt_strdup(name + length, walk->err);
        auto_free char *component = rt_memdup(name, length, walk->err);
        if (!rest || !component) return -1;
        bool last = *rest == '\0';

        char target[PATH_MAX];
        ssize_t n = readlinkat(walk->fd, component, target, sizeof target - 1);
        if (n >= 0 && !(last && flags & O_NOFOLLOW)) {
            target[n] = '\0';
            if (expand(walk, target, rest) < 0) return -1;
            continue;
        }
        if (strcmp(component, "..") == 0) {
            if (enter_parent(walk) < 0) return -1;
        } else if (strcmp(component, ".") != 0) {
            if (last && walk->stop_last) {
                walk->last = take_ptr(&component);
                return openat(walk->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
            }
            if (last && !walk->make) return openat(walk->fd, component, flags | O_NOFOLLOW | O_CLOEXEC, mode);
            if (enter_directory(walk, component) < 0) return -1;
        }
        buf_cut(&walk->pending, 0);
        if (buf_str(&walk->pending, *rest ? rest : "/", walk->err) < 0) return -1;
    }
}

int walk_open_in_root(int rootfd, const char *path, int flags, mode_t mode)
{
    struct rt_error err = { 0 };
    struct walk walk = { .rootfd = rootfd, .fd = -1, .err = &err };
    int fd = walk_to(&walk, *path ? path : ".", flags, mode);
    int saved = errno;
    walk_end(&walk);
    errno = saved;
    return fd;
}

int resolve_in_root(int rootfd, const char *path, mode_t mode, mkdir_hook *created, void *arg, char **name, struct rt_error *err)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') size--;
    auto_free char *plain = rt_memdup(path, size, err);
    if (!plain) return -1;
    err->code[0] = '\0';
    struct walk walk = { .rootfd = rootfd, .fd = -1, .mkdir_mode = mode, .created = created, .arg = arg, .make = true, .stop_last = true, .err = err };
    int fd = walk_to(&walk, plain, O_PATH | O_DIRECTORY, 0);
    int saved = errno;
    *name = take_ptr(&walk.last);
    walk_end(&walk);
    if (fd >= 0) return fd;
    free(take_ptr(name));
    return err->code[0] ? -1 : path_fail(err, saved, "openat", path, "find");
}

int mkdirs_in_root(int rootfd, const char *path, mode_t mode, mkdir_hook *created, void *arg, struct rt_error *err)
{
    int fd = try_open_in_root(rootfd, path, O_PATH | O_DIRECTORY, 0);
    if (fd >= 0) return fd;
    if (errno != ENOENT) return path_fail(err, errno, "openat2", path, "open");
    err->code[0] = '\0';
    struct walk walk = { .rootfd = rootfd, .fd = -1, .mkdir_mode = mode, .created = created, .arg = arg, .make = true, .err = err };
    fd = walk_to(&walk, path, O_PATH | O_DIRECTORY, 0);
    int saved = errno;
    walk_end(&walk);
    if (fd >= 0) return fd;
    return err->code[0] ? -1 : path_fail(err, saved, "mkdirat", path, "make the directory");
}
