#include "data/copy.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"
#include "data/copy-entry.h"

int copy_parse(const json_t *value, struct copy_action *out, struct rt_error *err)
{
    static const char *const owners[] = { "keep", "root", NULL };
    static const char *const archives[] = { [ARCHIVES_KEEP] = "keep", [ARCHIVES_UNPACK] = "unpack", [ARCHIVES_AUTO] = "auto", NULL };
    int whose = 0, archive = ARCHIVES_KEEP;
    if (json_allow(value, err, "op", "from", "ignore", "owners", "sources", "exclude", "parents", "dest", "owner", "chmod", "archives", "manifest", "reuse", NULL) < 0 ||
        tree_req(value, "from", &out->from, err) < 0 || ignore_parse(value, "ignore", &out->ignore, err) < 0 ||
        json_req_enum(value, "owners", owners, &whose, err) < 0 || source_parse_list(value, "sources", &out->sources, err) < 0 ||
        ignore_parse(value, "exclude", &out->exclude, err) < 0 || json_opt_bool(value, "parents", &out->parents, err) < 0 ||
        json_req_bytes(value, "dest", &out->dest, NULL, err) < 0 || owner_parse(value, "owner", &out->owner, err) < 0 ||
        mode_change_parse(value, "chmod", &out->chmod, err) < 0 || json_opt_enum(value, "archives", archives, &archive, err) < 0 ||
        json_opt_bytes(value, "manifest", &out->manifest, NULL, err) < 0 || reuse_parse(value, "reuse", &out->reuse, err) < 0)
        return -1;
    out->newest = INT64_MAX;
    out->keep_owners = whose == 0;
    out->archives = (__typeof__(out->archives))archive;
    return 0;
}

void copy_free(struct copy_action *action)
{
    tree_free(&action->from);
    ignore_free(&action->ignore);
    ignore_free(&action->exclude);
    source_list_free(&action->sources);
    free(action->dest);
    free(action->manifest);
    reuse_free(&action->reuse);
}

/* One path that a source names. A source that is not there matches nothing, as a pattern may; whoever planned the copy has judged that. */
static int copy_path(struct copier *copier, const struct scan *scan, const char *path, size_t pivot, struct rt_error *err)
{
    struct scan_result result;
    copier_begin(copier);
    if (scan_source(scan, path, pivot, copier_visit, copier, &result, err) < 0) return -1;
    if (copier_end(copier, err) < 0) return -1;
    if (result.outcome == SCAN_FOUND) return 0;
    return rt_fail_at(err, path, "PATH_MISSING", 0, NULL, "cannot copy '/%s': %s", path, result.outcome == SCAN_HIDDEN ? "it is ignored" : "it does not exist");
}

static int copy_source(struct copier *copier, const struct scan *scan, const struct source *source, struct rt_error *err)
{
    auto_paths struct path_list paths = { 0 };
    if (source_expand(scan, source, &paths, err) < 0) return -1;
    for (size_t i = 0; i < paths.count; i++)
        if (copy_path(copier, scan, paths.items[i], source->pivot, err) < 0) return -1;
    return 0;
}

int copy_run(struct copy_action *action, struct target *target, struct copy_outcome *outcome, struct rt_error *err)
{
    auto_close int root = -1;
    if (tree_open(&action->from, 0, &root, err) < 0) return -1;
    /* Only a single source gives every destination one origin, so that the digest of the source is that of the copy. */
    bool one_origin = action->sources.count == 1 && action->sources.items[0].path;
    if (action->manifest && !action->keep_owners && reuse_open(&action->reuse, one_origin, err) < 0) return -1;
    const struct scan scan = {
        .root = root,
        .raw = tree_is_raw(&action->from),
        .ignore = &action->ignore,
        .exclude = &action->exclude,
        .parents = action->parents,
    };
    struct copier copier;
    if (copier_open(&copier, action, target, err) < 0) return -1;
    int result = 0;
    for (size_t i = 0; i < action->sources.count && result == 0; i++) result = copy_source(&copier, &scan, &action->sources.items[i], err);
    if (result == 0) result = copier_finish(&copier, err);
    outcome->reused += copier.reused;
    const struct reuse *reuse = &action->reuse;
    if (result == 0 && !outcome->same && copier.whole && !copier.linked && reuse->known && reuse->seen == reuse->records) {
        outcome->same = take_ptr(&copier.whole);
        outcome->changed = take_ptr(&copier.changed);
    }
    copier_close(&copier);
    return result;
}
