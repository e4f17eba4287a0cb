#include "data/selection.h"

#include <blake3.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"
#include "base/util.h"
#include "data/listing.h"
#include "data/manifest.h"
#include "data/xattr-policy.h"

/* Names beside a source that is missing; enough for a suggestion. */
#define NEAR_LIMIT 500

int selection_parse(const json_t *value, struct selection *out, struct rt_error *err)
{
    *out = (struct selection){ 0 };
    if (json_allow(value, err, "id", "sources", "exclude", "parents", "manifest", NULL) < 0 || json_req_str(value, "id", &out->id, err) < 0 ||
        json_opt_bool(value, "parents", &out->parents, err) < 0 || json_opt_bytes(value, "manifest", &out->manifest, NULL, err) < 0 ||
        source_parse_list(value, "sources", &out->sources, err) < 0 || ignore_parse(value, "exclude", &out->exclude, err) < 0) {
        selection_free(out);
        return -1;
    }
    return 0;
}

void selection_free(struct selection *selection)
{
    source_list_free(&selection->sources);
    ignore_free(&selection->exclude);
    free(selection->manifest);
    *selection = (struct selection){ 0 };
}

struct summary {
    blake3_hasher hasher;
    struct content_digests *digests;
    struct manifest_writer manifest;
    uint64_t files, bytes;
};

static void add_number(blake3_hasher *hasher, uint64_t number)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(number >> (8 * i));
    blake3_hasher_update(hasher, bytes, sizeof bytes);
}

/* Every text is preceded by its length, so that no two selections can give the same bytes. */
static void add_text(blake3_hasher *hasher, const char *text, size_t size)
{
    add_number(hasher, size);
    blake3_hasher_update(hasher, text, size);
}

static int see(void *arg, const struct scan_entry *entry, struct rt_error *err)
{
    struct summary *summary = arg;
    const struct stat *st = &entry->st;
    uint8_t digest[CONTENT_DIGEST] = { 0 };
    add_text(&summary->hasher, entry->kept, strlen(entry->kept));
    add_number(&summary->hasher, st->st_mode);
    if (summary->digests->owners) {
        add_number(&summary->hasher, st->st_uid);
        add_number(&summary->hasher, st->st_gid);
    }
    if (S_ISREG(st->st_mode)) {
        if (content_digest_learn(summary->digests, entry, err) < 0) return -1;
        memcpy(digest, entry->content->digest, sizeof digest);
        blake3_hasher_update(&summary->hasher, digest, sizeof digest);
        summary->bytes += (uint64_t)st->st_size;
    } else if (S_ISLNK(st->st_mode)) {
        add_text(&summary->hasher, entry->content->target, strlen(entry->content->target));
    } else if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
        add_number(&summary->hasher, st->st_rdev);
    }
    summary->files++;
    return manifest_add(&summary->manifest, entry->path, st, digest, err);
}

/* Names in the deepest directory that exists on the way to a missing path. */
static json_t *near_names(int root, const char *path, struct rt_error *err)
{
    json_t *near = json_array();
    auto_free char *directory = rt_strdup(path, err);
    auto_listing struct listing names = { 0 };
    if (!near || !directory) return near;
    char *slash = strrchr(directory, '/');
    if (slash) *slash = '\0';
    auto_close int fd = try_open_in_root(root, slash ? directory : ".", O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0 || listing_read(fd, LISTING_BY_NAME, false, &names, err) < 0) return near;
    for (size_t i = 0; i < names.count && i < NEAR_LIMIT; i++) json_array_append_new(near, json_from_path(names.entries[i].name));
    return near;
}

static const char *kind_of(mode_t mode)
{
    return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "dir" : S_ISLNK(mode) ? "symlink" : "other";
}

/* One source: visits all that it names and gives its part of the answer. */
static json_t *walk_source(const struct source *source, size_t index, const struct scan *scan, struct summary *summary, json_t *hidden,
                           struct rt_error *err)
{
    auto_paths struct path_list paths = { 0 };
    auto_json json_t *answer = json_pack("{s:[]}", "paths");
    if (!answer) return rt_nomem(err), NULL;
    if (source_expand(scan, source, &paths, err) < 0) return NULL;
    json_t *found = json_object_get(answer, "paths");
    for (size_t i = 0; i < paths.count; i++) {
        struct scan_result result;
        if (scan_source(scan, paths.items[i], source->pivot, see, summary, &result, err) < 0) return NULL;
        if (result.outcome == SCAN_FOUND) {
            json_array_append_new(found, json_from_path(paths.items[i]));
            json_object_set_new(answer, "kind", json_string(kind_of(result.mode)));
        } else if (result.outcome == SCAN_HIDDEN && source->path) {
            json_array_append_new(hidden, json_pack("{s:I,s:i}", "source", (json_int_t)index, "rule", result.rule));
        }
    }
    size_t count = json_array_size(found);
    json_object_set_new(answer, "count", json_integer((json_int_t)count));
    if (count == 0 && source->path) json_object_set_new(answer, "near", near_names(scan->root, source->path, err));
    return take_ptr(&answer);
}

json_t *selection_walk(const struct selection *selection, struct scan scan, struct content_digests *digests, struct rt_error *err)
{
    struct summary summary = { .digests = digests };
    auto_json json_t *answer = json_pack("{s:s,s:[],s:[]}", "id", selection->id, "sources", "hidden");
    if (!answer) return rt_nomem(err), NULL;
    scan.exclude = &selection->exclude;
    scan.parents = selection->parents;
    scan.expect = content_digest_expect;
    scan.read = content_digest_find;
    scan.read_arg = digests;
    blake3_hasher_init(&summary.hasher);
    if (manifest_create(&summary.manifest, selection->manifest, err) < 0) return NULL;
    for (size_t i = 0; i < selection->sources.count; i++) {
        json_t *source = walk_source(&selection->sources.items[i], i, &scan, &summary, json_object_get(answer, "hidden"), err);
        if (!source) {
            struct rt_error ignored;
            manifest_finish(&summary.manifest, &ignored);
            return NULL;
        }
        json_array_append_new(json_object_get(answer, "sources"), source);
        add_text(&summary.hasher, "", 0); /* where one source ends: moving a file from one to the next is a change */
    }
    if (manifest_finish(&summary.manifest, err) < 0) return NULL;
    uint8_t digest[BLAKE3_OUT_LEN];
    char text[2 * BLAKE3_OUT_LEN + 1];
    blake3_hasher_finalize(&summary.hasher, digest, sizeof digest);
    hex(digest, sizeof digest, text);
    json_object_set_new(answer, "digest", json_sprintf("blake3:%s", text));
    json_object_set_new(answer, "files", json_integer((json_int_t)summary.files));
    json_object_set_new(answer, "bytes", json_integer((json_int_t)summary.bytes));
    return take_ptr(&answer);
}
