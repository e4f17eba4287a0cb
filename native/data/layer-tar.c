#include "data/layer-tar.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/path.h"
#include "base/plan.h"
#include "base/userns.h"
#include "data/layer-entry.h"
#include "data/layer-markers.h"
#include "data/layer-same.h"
#include "data/listing.h"
#include "data/whiteout.h"

static bool is_marked(int fd, const char *name)
{
    char found[2];
    return fgetxattr(fd, name, found, sizeof found) == 1 && found[0] == 'y';
}

static int pack_directory(struct packer *packer, int fd, int lowerfd, bool root);

/* The child at hand and all below it come before the entry to resume with. Entries come in the order of their names, so none of it can follow. */
static bool lies_before(const struct packer *packer, const struct listed *child)
{
    const char *resume = packer->options->resume->name;
    const size_t size = packer->path.size;
    if (strncmp(packer->path.data, resume, size) != 0) return true;
    return child->type == DT_DIR ? resume[size] != '/' : resume[size] != '\0';
}

static int pack_child(struct packer *packer, int dirfd, const struct listed *child, int lowerfd)
{
    size_t at = packer->path.size;
    int result = 0;
    if (plan_check(packer->err) < 0) return -1;
    if (child->whiteout && packer->options->view == VIEW_PLAIN) return 0;
    if (child->whiteout) {
        auto_free char *name = rt_printf(packer->err, ".wh.%s", child->name);
        return name ? pack_marker(packer, name) : -1;
    }
    if (pack_push(packer, packer->path.size == 0 && packer->as ? packer->as : child->name, packer->err) < 0) return -1;
    if (packer->options->view != VIEW_PLAIN && strncmp(child->name, ".wh.", 4) == 0)
        return rt_fail_at(packer->err, packer->path.data, "LAYER_INVALID", 0, NULL, "'%s' cannot be kept in a layer: names starting with '.wh.' mark deleted files", packer->path.data);
    if (packer->skipping && lowerfd < 0 && lies_before(packer, child)) {
        buf_cut(&packer->path, at);
        return 0;
    }
    if (child->type == DT_DIR) {
        auto_close int fd = openat(dirfd, child->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        auto_close int lower = fd >= 0 && lowerfd >= 0 ? openat(lowerfd, child->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        result = fd < 0 ? pack_fail(packer, errno, "openat") : pack_directory(packer, fd, lower, false);
        /* Nothing but a directory that equals the lower's is left of it. */
        if (result == 0 && packer->options->settle && lower >= 0 && is_marked(fd, layer_mark_name(packer->trusted))) unlinkat(dirfd, child->name, AT_REMOVEDIR);
    } else if (child->type == DT_REG) result = pack_file(packer, dirfd, child->name, lowerfd);
    else if (child->type != DT_SOCK) result = pack_special(packer, dirfd, child->name, lowerfd); /* a socket means nothing without its process */
    buf_cut(&packer->path, at);
    return result;
}

/* Whether the directory's own entry is left out. In the compared view the outcome may be written down as the mark. */
static int is_unchanged(struct packer *packer, int fd, int lowerfd, bool opaque, const struct stat *st)
{
    const struct tar_options *options = packer->options;
    const char *mark = layer_mark_name(packer->trusted);
    if (options->view == VIEW_PLAIN) return 0;
    if (options->view == VIEW_MARKED) return is_marked(fd, mark);
    int same = !opaque && lowerfd >= 0 ? layer_same_directory(lowerfd, st, &packer->xattrs, packer->err) : 0;
    if (same < 0 || !options->settle) return same;
    if (same && fsetxattr(fd, mark, "y", 1, 0) < 0) return pack_fail(packer, errno, "fsetxattr");
    if (!same && fremovexattr(fd, mark) < 0 && errno != ENODATA && errno != ENOTSUP) return pack_fail(packer, errno, "fremovexattr");
    return same;
}

/* An empty root that nobody changed is no entry; the default is what `mkdir` of the store makes. */
static bool is_default_root(const struct stat *st, const struct xattr_list *xattrs)
{
    return (st->st_mode & 07777) == 0755 && st->st_uid == 0 && st->st_gid == 0 && xattrs->count == 0;
}

static int list(struct packer *packer, int fd, int lowerfd, bool *opaque, struct listing *out)
{
    const struct tar_options *options = packer->options;
    bool whiteouts = options->view != VIEW_PLAIN || options->raw;
    const char *path = packer->path.size ? packer->path.data : "";
    if (listing_read(fd, LISTING_BY_TAR_NAME, whiteouts, out, packer->err) < 0) return rt_wrap(packer->err, "cannot read '/%s'", path);
    if (!options->settle) return 0;
    const struct layer_markers where = { .dirfd = fd, .lowerfd = lowerfd, .opaque = packer->opaque, .path = path };
    int found = layer_markers_settle(&where, out, &packer->counts->marker_names, packer->err);
    if (found <= 0) return found;
    *opaque = is_opaque(fd, packer->opaque);
    listing_free(out);
    lseek(fd, 0, SEEK_SET);
    return listing_read(fd, LISTING_BY_TAR_NAME, whiteouts, out, packer->err);
}

/* What was taken out of the directory has moved its time, and its entry, which is written already, tells the one that it had. */
static int settle_directory(struct packer *packer, int fd, const struct stat *st)
{
    struct stat now;
    const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, st->st_mtim };
    if (!packer->options->settle) return 0;
    if (fstat(fd, &now) < 0) return pack_fail(packer, errno, "fstat");
    bool moved = now.st_mtim.tv_sec != st->st_mtim.tv_sec || now.st_mtim.tv_nsec != st->st_mtim.tv_nsec;
    if (moved && futimens(fd, times) < 0) return pack_fail(packer, errno, "futimens");
    return pack_settle_time(packer, fd, ".", st);
}

static int pack_directory(struct packer *packer, int fd, int lowerfd, bool root)
{
    struct stat st;
    if (fstat(fd, &st) < 0) return pack_fail(packer, errno, "fstat");
    bool layered = packer->options->view != VIEW_PLAIN;
    bool opaque = layered && is_opaque(fd, packer->opaque);
    struct tar_entry entry = pack_entry_of(packer, &st, ENTRY_DIR);
    pack_owner(packer, fd, &entry);
    if (root) entry.path = ".";
    if (pack_xattrs(packer, fd, &entry) < 0) return -1;
    int unchanged = is_unchanged(packer, fd, lowerfd, opaque, &st);
    if (unchanged < 0) return -1;
    bool silent = unchanged || (root && lowerfd < 0 && is_default_root(&st, &packer->xattrs));
    if (!silent && pack_entry(packer, &entry) < 0) return -1;
    if (packer->options->progress && progress_report(packer->options->progress, output_size(packer->output), packer->err) < 0) return -1;

    auto_listing struct listing listing = { 0 };
    if (list(packer, fd, opaque ? -1 : lowerfd, &opaque, &listing) < 0) return -1;
    if (opaque && pack_marker(packer, ".wh..wh..opq") < 0) return -1;
    for (size_t i = 0; i < listing.count; i++)
        if (pack_child(packer, fd, &listing.entries[i], opaque ? -1 : lowerfd) < 0) return -1;
    return settle_directory(packer, fd, &st);
}

static void packer_free(struct packer *packer)
{
    buf_free(&packer->path);
    link_map_free(&packer->links);
    xattr_list_free(&packer->xattrs);
}

int layer_tar(int rootfd, const struct tar_options *options, struct output *output, struct tar_counts *counts, struct rt_error *err)
{
    struct packer packer = { .options = options, .output = output, .counts = counts, .opaque = opaque_name(), .trusted = has_trusted_attributes(), .skipping = options->resume != NULL, .err = err };
    auto_close int fd = openat(rootfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = buf_str(&packer.path, "", err);
    if (result == 0) result = fd < 0 ? pack_fail(&packer, errno, "openat") : pack_directory(&packer, fd, options->lowerfd, true);
    if (result == 0 && packer.skipping) result = rt_fail_at(err, options->resume->name, "FILE_CHANGED", 0, NULL, "'%s' went away", options->resume->name);
    packer_free(&packer);
    return result;
}

int layer_tar_entry(int dirfd, const char *name, const char *as, const struct tar_options *options, struct output *output, struct tar_counts *counts, struct rt_error *err)
{
    struct packer packer = { .options = options, .output = output, .counts = counts, .opaque = opaque_name(), .trusted = has_trusted_attributes(), .err = err };
    struct stat st;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return path_fail(err, errno, "fstatat", as, "read the status of");
    const struct listed entry = { .name = name, .type = (unsigned char)IFTODT(st.st_mode) };
    packer.as = as;
    int result = pack_child(&packer, dirfd, &entry, -1);
    packer_free(&packer);
    return result;
}
