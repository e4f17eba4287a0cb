#include <fcntl.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/path.h"
#include "base/plan.h"
#include "data/tree.h"
#include "base/util.h"
#include "data/listing.h"
#include "data/merged.h"
#include "data/whiteout.h"
#include "verbs.h"

/* What an upper directory says against the view below it, in docker's terms: Added, Changed, Deleted. */
struct comparison {
    struct plan *plan;
    int lower; /* root of the view below; -1: nothing */
    const char *opaque;
    struct buf path;
};

static int tell(struct comparison *comparison, const char *change, struct rt_error *err)
{
    auto_free char *path = rt_printf(err, "/%s", comparison->path.data);
    if (!path) return -1;
    return plan_event(comparison->plan, "change", json_pack("{s:s,s:o}", "change", change, "path", json_from_path(path)), err);
}

static bool is_below(const struct comparison *comparison, struct stat *st)
{
    struct rt_error ignored;
    return comparison->lower >= 0 && stat_in_root(comparison->lower, comparison->path.data, false, st, &ignored) == 0;
}

/* True when the upper's directory says nothing new of itself: it is there only for what changed below it. */
static bool same_directory(const struct stat *a, const struct stat *b)
{
    return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid;
}

static int compare_directory(struct comparison *comparison, int fd, bool hidden_below, struct rt_error *err);

static int compare_entry(struct comparison *comparison, int fd, const struct listed *entry, bool hidden_below, struct rt_error *err)
{
    struct stat st, below;
    bool existed = !hidden_below && is_below(comparison, &below);
    if (entry->whiteout) return existed ? tell(comparison, "D", err) : 0;
    if (fstatat(fd, entry->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : path_fail(err, errno, "fstatat", comparison->path.data, "read the status of");
    if (!S_ISDIR(st.st_mode)) return tell(comparison, existed ? "C" : "A", err);
    auto_close int directory = openat(fd, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0) return errno == ENOENT ? 0 : path_fail(err, errno, "openat", comparison->path.data, "read the directory");
    bool replaced = !existed || !S_ISDIR(below.st_mode) || is_opaque(directory, comparison->opaque);
    bool changed = existed && (!same_directory(&st, &below) || replaced || st.st_mtim.tv_sec != below.st_mtim.tv_sec);
    if ((!existed && tell(comparison, "A", err) < 0) || (changed && tell(comparison, "C", err) < 0)) return -1;
    return compare_directory(comparison, directory, hidden_below || replaced, err);
}

static int compare_directory(struct comparison *comparison, int fd, bool hidden_below, struct rt_error *err)
{
    auto_listing struct listing names = { 0 };
    if (plan_check(err) < 0 || listing_read(fd, LISTING_BY_NAME, true, &names, err) < 0) return -1;
    for (size_t i = 0; i < names.count; i++) {
        size_t size = comparison->path.size;
        if ((size > 0 && buf_add(&comparison->path, "/", 1, err) < 0) || buf_str(&comparison->path, names.entries[i].name, err) < 0 ||
            compare_entry(comparison, fd, &names.entries[i], hidden_below, err) < 0)
            return -1;
        buf_cut(&comparison->path, size);
    }
    return 0;
}

static int compare(struct plan *plan, const struct tree *tree, struct upper *upper, struct rt_error *err)
{
    auto_close int lower = -1;
    const struct tree below = { .lower = tree->lower, .lower_count = tree->lower_count, .view = tree->view };
    if (upper_open(tree, upper, err) < 0 || (tree->lower_count > 0 && tree_open(&below, 0, &lower, err) < 0)) return -1;
    struct comparison comparison = { .plan = plan, .lower = lower, .opaque = opaque_name() };
    int status = compare_directory(&comparison, upper->fd, false, err);
    buf_free(&comparison.path);
    return status;
}

/* {"verb":"changes","tree":Tree with upper} ← events {"kind":"change","change":"A|C|D","path":…}. The upper may be in use. */
int verb_changes(struct plan *plan, struct rt_error *err)
{
    auto_tree struct tree tree = { 0 };
    if (plan_allow(plan, err, "tree") < 0 || tree_req(plan->json, "tree", &tree, err) < 0) return -1;
    if (!tree.upper) return rt_fail(err, "PLAN_INVALID", 0, NULL, "a tree without an upper directory has no changes");
    struct upper upper = { .fd = -1 };
    struct rt_error later;
    int status = compare(plan, &tree, &upper, err);
    return upper_close(&upper, status < 0 ? &later : err) < 0 ? -1 : status;
}
