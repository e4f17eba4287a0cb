#include "data/commit.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"
#include "base/util.h"
#include "data/descriptor-limit.h"
#include "data/layer-tar.h"
#include "data/tar.h"

int commit_parse(const json_t *plan, struct commit_options *out, struct rt_error *err)
{
    *out = (struct commit_options){ 0 };
    json_t *commit = NULL;
    if (json_opt_obj(plan, "commit", &commit, err) < 0) return -1;
    if (!commit) return 0;
    out->wanted = true;
    out->clamp_seconds = INT64_MAX;
    if (json_allow(commit, err, "clampMtime", NULL) < 0 || json_opt_i64(commit, "clampMtime", 0, INT64_MAX - 1, &out->clamp_seconds, err) < 0) return -1;
    out->clamp = out->clamp_seconds != INT64_MAX;
    return 0;
}

static int open_lower(const struct tree *tree, int *fd, struct rt_error *err)
{
    if (tree->lower_count == 0) return 0;
    const struct tree lower = { .lower = tree->lower, .lower_count = tree->lower_count };
    return tree_open(&lower, 0, fd, err);
}

int layer_commit(const struct tree *tree, const struct commit_options *options, struct layer_facts *facts, struct rt_error *err)
{
    const char *path = tree->path ? tree->path : tree->upper;
    auto_close int lowerfd = -1;
    struct tar_options tar = { .view = VIEW_COMPARED, .settle = true, .clamp = options->clamp, .clamp_seconds = options->clamp_seconds };
    descriptor_limit_raise();
    if (open_lower(tree, &lowerfd, err) < 0) return -1;
    tar.lowerfd = lowerfd;
    auto_close int upper = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (upper < 0) return path_fail(err, errno, "open", path, "open the directory");
    const struct output_options to = { .fd = -1, .hash = true };
    auto_output struct output *output = output_open(&to, err);
    struct tar_counts counts = { 0 };
    struct output_facts got;
    if (!output || layer_tar(upper, &tar, output, &counts, err) < 0 || tar_write_end(output, err) < 0 || output_finish(output, &got, err) < 0) return -1;
    *facts = (struct layer_facts){ .size = got.size, .entries = counts.entries, .bytes = counts.bytes, .marker_names = counts.marker_names };
    memcpy(facts->diff_id, got.digest, sizeof facts->diff_id);
    return 0;
}

json_t *commit_json(const struct commit_options *options, const struct layer_facts *facts)
{
    return options->wanted ? layer_facts_json(facts) : json_null();
}
