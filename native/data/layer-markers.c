#include "data/layer-markers.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/path.h"
#include "data/remove-tree.h"
#include "data/whiteout.h"

#define PREFIX ".wh."
#define PREFIX_SIZE (sizeof PREFIX - 1)

static int fail(const struct layer_markers *where, const char *name, const char *syscall, struct rt_error *err)
{
    return rt_fail_at(err, name, "NATIVE_FAILED", errno, syscall, "cannot settle '%s' of '/%s'", name, where->path);
}

static int make_opaque(const struct layer_markers *where, const char *directory, struct rt_error *err)
{
    auto_close int fd = openat(where->dirfd, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && fsetxattr(fd, where->opaque, "y", 1, 0) == 0 ? 0 : fail(where, directory, "fsetxattr", err);
}

/* What the mark says of `name`: the layer's own file stays, a directory of it hides the lower one, else the lower name is deleted. */
static int hide(const struct layer_markers *where, const char *name, struct rt_error *err)
{
    struct stat st;
    if (fstatat(where->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) return S_ISDIR(st.st_mode) ? make_opaque(where, name, err) : 0;
    if (where->lowerfd < 0 || fstatat(where->lowerfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return 0;
    return whiteout_make(where->dirfd, name) == 0 ? 0 : fail(where, name, "mknodat", err);
}

static int settle(const struct layer_markers *where, const char *file, struct rt_error *err)
{
    const char *name = file + PREFIX_SIZE;
    bool opaque = strcmp(name, ".wh..opq") == 0, nothing = strncmp(name, PREFIX, PREFIX_SIZE) == 0;
    if (!opaque && !nothing && !is_file_name(name))
        return rt_fail_at(err, file, "LAYER_INVALID", 0, NULL, "'%s%s%s' cannot be kept in a layer: names starting with '.wh.' mark deleted files", where->path, *where->path ? "/" : "", file);
    if (remove_tree(where->dirfd, file, NULL, err) < 0) return -1;
    return opaque ? make_opaque(where, ".", err) : nothing ? 0 : hide(where, name, err);
}

int layer_markers_settle(const struct layer_markers *where, const struct listing *listing, uint64_t *count, struct rt_error *err)
{
    int found = 0;
    for (size_t i = 0; i < listing->count; i++) {
        const struct listed *entry = &listing->entries[i];
        if (entry->whiteout || strncmp(entry->name, PREFIX, PREFIX_SIZE) != 0) continue;
        if (settle(where, entry->name, err) < 0) return -1;
        found = 1;
        (*count)++;
    }
    return found;
}
