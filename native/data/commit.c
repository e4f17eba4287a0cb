#include "data/commit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"
#include "base/util.h"
#include "data/descriptor-limit.h"
#include "data/layer-tar.h"
#include "data/merged.h"
#include "data/tar.h"

int commit_parse(const json_t *plan, struct commit_options *out, struct rt_error *err)
{
    *out = (struct commit_options){ 0 };
    json_t *commit = NULL;
    if (json_opt_obj(plan, "commit", &commit, err) < 0) return -1;
    if (!commit) return 0;
    out->wanted = true;
    out->clamp_seconds = INT64_MAX;
    if (json_allow(commit, err, "clampMtime", "marks", NULL) < 0 || json_opt_i64(commit, "clampMtime", 0, INT64_MAX - 1, &out->clamp_seconds, err) < 0 ||
        json_opt_bytes(commit, "marks", &out->marks, NULL, err) < 0)
        return -1;
    out->clamp = out->clamp_seconds != INT64_MAX;
    return 0;
}

void commit_free(struct commit_options *options)
{
    free(options->marks);
    options->marks = NULL;
}

static int open_lower(const struct tree *tree, int *fd, struct rt_error *err)
{
    if (tree->lower_count == 0) return 0;
    const struct tree lower = { .lower = tree->lower, .lower_count = tree->lower_count, .view = tree->view };
    return tree_open(&lower, 0, fd, err);
}

/* The marks get the states that the hash had there. */
static void settle_marks(const struct output *output, struct tar_marks *marks, size_t first)
{
    for (size_t i = first; i < marks->count; i++) output_marked(output, i - first, marks->items[i].state);
}

static int make_tar(int upper, const struct tar_options *options, struct layer_facts *facts, struct rt_error *err)
{
    const struct tar_mark *resume = options->resume;
    struct output_start start = { .offset = resume ? resume->offset : 0 };
    if (resume) memcpy(start.state, resume->state, sizeof start.state);
    const struct output_options to = { .fd = -1, .hash = true, .start = resume ? &start : NULL };
    auto_output struct output *output = output_open(&to, err);
    size_t first = options->marks ? options->marks->count : 0;
    struct tar_counts counts = { 0 };
    struct output_facts got;
    if (!output || layer_tar(upper, options, output, &counts, err) < 0 || tar_write_end(output, err) < 0 || output_finish(output, &got, err) < 0) return -1;
    if (options->marks) settle_marks(output, options->marks, first);
    *facts = (struct layer_facts){ .size = got.size, .entries = counts.entries, .bytes = counts.bytes, .marker_names = counts.marker_names };
    memcpy(facts->diff_id, got.digest, sizeof facts->diff_id);
    return 0;
}

int layer_commit_from(const struct tree *tree, const struct commit_options *options, struct tar_marks *known, struct layer_facts *facts, struct rt_error *err)
{
    const char *path = tree->path ? tree->path : tree->upper;
    auto_close int lowerfd = -1;
    descriptor_limit_raise();
    if (merged_settle(tree, true, err) < 0 || open_lower(tree, &lowerfd, err) < 0) return -1;
    auto_close int upper = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (upper < 0) return path_fail(err, errno, "open", path, "open the directory");
    const struct tar_mark *last = known->count > 0 ? &known->items[known->count - 1] : NULL;
    struct tar_mark resume = last ? *last : (struct tar_mark){ 0 };
    auto_free char *name = last ? resume.name = rt_strdup(last->name, err) : NULL; /* the marks move when they grow */
    if (last && !name) return -1;
    const struct tar_options tar = {
        .view = VIEW_COMPARED,
        .lowerfd = lowerfd,
        .settle = true,
        .clamp = options->clamp,
        .clamp_seconds = options->clamp_seconds,
        .marks = options->marks ? known : NULL,
        .resume = last && !options->clamp ? &resume : NULL,
    };
    if (make_tar(upper, &tar, facts, err) < 0) return -1;
    if (options->marks) tar_marks_save(known, options->marks);
    return 0;
}

int layer_commit(const struct tree *tree, const struct commit_options *options, struct layer_facts *facts, struct rt_error *err)
{
    auto_tar_marks struct tar_marks none = { 0 };
    return layer_commit_from(tree, options, &none, facts, err);
}

json_t *commit_json(const struct commit_options *options, const struct layer_facts *facts)
{
    return options->wanted ? layer_facts_json(facts) : json_null();
}
