#include "data/copy-link.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/util.h"
#include "data/copy-frames.h"
#include "data/fresh-file.h"
#include "data/place.h"

/* Links `name` to the copy of `first`, a path below the destination. Below a direct directory both must be named in the upper layer. */
static int link_copy(struct copier *copier, const char *first, int dirfd, const char *name, const char *path, struct rt_error *err)
{
    const struct copy_frame *root = &copier->frames[0];
    bool same_view = root->dir.direct == copier_top(copier)->dir.direct;
    auto_free char *from = NULL;
    if (!same_view && !copier->top && !(copier->top = target_path(copier->target, &root->dir, err))) return -1;
    const char *slash = strrchr(first, '/'), *base = slash ? slash + 1 : first;
    from = rt_printf(err, "%s%s%.*s", same_view ? "" : copier->top, same_view || !slash || !*copier->top ? "" : "/", slash ? (int)(slash - first) : 0, first);
    if (!from) return -1;
    auto_close int parent = try_open_directory_strictly(same_view ? root->dir.fd : copier->target->upper >= 0 ? copier->target->upper : copier->target->root, from, O_PATH);
    if (parent < 0) return place_fail(err, errno, "openat2", path, "find the first name of");
    while (linkat(parent, base, dirfd, name, 0) < 0) {
        if (errno != EEXIST) return place_fail(err, errno, "linkat", path, "link");
        if (fresh_clear_way(dirfd, name, path, err) < 0) return -1;
    }
    return 0;
}

int copy_as_link(struct copier *copier, const struct scan_entry *entry, const char *name, struct rt_error *err)
{
    const char *first;
    if (copier->name || entry->st.st_nlink < 2) return 0;
    if (link_map_see(&copier->links, &entry->st, entry->kept, &first, err) < 0) return -1;
    if (!first) return 0;
    return link_copy(copier, first, copier_top(copier)->dir.fd, name, entry->path, err) < 0 ? -1 : 1;
}
