#include "data/source.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/path.h"
#include "base/plan.h"
#include "base/util.h"
#include "data/listing.h"

static int parse_source(const json_t *value, struct source *out, struct rt_error *err)
{
    json_t *match = NULL;
    int64_t pivot = 0;
    auto_free char *path = NULL;
    if (json_allow(value, err, "path", "match", "pivot", NULL) < 0 || json_opt_bytes(value, "path", &path, NULL, err) < 0 ||
        json_opt_obj(value, "match", &match, err) < 0 || json_opt_i64(value, "pivot", 0, 4096, &pivot, err) < 0)
        return -1;
    if ((path != NULL) == (match != NULL)) return rt_fail(err, "PLAN_INVALID", 0, NULL, "a source has either a path or a match");
    out->pivot = (size_t)pivot;
    if (match) return json_allow(match, err, "segments", NULL) < 0 ? -1 : glob_parse(match, &out->glob, err);
    out->path = path_clean(path, err);
    return out->path ? 0 : -1;
}

int source_parse_list(const json_t *object, const char *key, struct source_list *out, struct rt_error *err)
{
    json_t *list;
    *out = (struct source_list){ 0 };
    if (json_req_arr(object, key, &list, err) < 0) return -1;
    size_t count = json_array_size(list);
    struct source *items = calloc(count + 1, sizeof *items);
    if (!items) return rt_nomem(err);
    out->items = items;
    for (size_t i = 0; i < count; i++) {
        json_t *value;
        out->count = i + 1;
        if (json_elem_obj(list, i, key, &value, err) < 0 || parse_source(value, &items[i], err) < 0) {
            source_list_free(out);
            return -1;
        }
    }
    return 0;
}

void source_list_free(struct source_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].path);
        glob_free(&list->items[i].glob);
    }
    free(list->items);
    *list = (struct source_list){ 0 };
}

void path_list_free(struct path_list *list)
{
    for (size_t i = 0; i < list->count; i++) free(list->items[i]);
    free(list->items);
    *list = (struct path_list){ 0 };
}

static int add_path(struct path_list *list, const char *path, struct rt_error *err)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        char **items = realloc(list->items, capacity * sizeof *items);
        if (!items) return rt_nomem(err);
        list->items = items;
        list->capacity = capacity;
    }
    char *copy = rt_strdup(path, err);
    if (!copy) return -1;
    list->items[list->count++] = copy;
    return 0;
}

struct search {
    const struct scan *scan;
    const struct glob *glob;
    struct path_list *found;
    struct buf path;
};

/* Both lists' states of one directory or entry, in one allocation. */
struct place {
    struct ignore_level *level;
    uint64_t *state;
};

static void place_free(struct place *place)
{
    free(place->level);
    free(place->state);
}
#define auto_place __attribute__((cleanup(place_free)))

static int place_new(const struct search *search, struct place *out, struct rt_error *err)
{
    out->level = malloc(ignore_level_size(search->scan->ignore));
    out->state = calloc(glob_words(search->glob), sizeof *out->state);
    return out->level && out->state ? 0 : rt_nomem(err);
}

static int search_directory(struct search *search, int fd, const struct place *here, struct rt_error *err);

static int search_entry(struct search *search, int fd, const struct listed *entry, const struct place *up, struct rt_error *err)
{
    auto_place struct place here = { 0 };
    if (place_new(search, &here, err) < 0) return -1;
    glob_advance(search->glob, up->state, entry->name, strlen(entry->name), here.state);
    bool matched = glob_matched(search->glob, here.state), deeper = glob_open(search->glob, here.state);
    if ((!matched && !deeper) || entry->whiteout) return 0;
    ignore_enter(search->scan->ignore, up->level, entry->name, here.level);
    if (here.level->ignored && !(entry->type == DT_DIR && ignore_may_reinclude(search->scan->ignore, here.level))) return 0;
    if (matched) return add_path(search->found, search->path.data, err);
    if (entry->type != DT_DIR) return 0;
    auto_close int directory = openat(fd, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0) return path_fail(err, errno, "openat", search->path.data, "read the directory");
    return search_directory(search, directory, &here, err);
}

static int search_directory(struct search *search, int fd, const struct place *here, struct rt_error *err)
{
    auto_listing struct listing names = { 0 };
    if (plan_check(err) < 0) return -1;
    if (listing_read(fd, LISTING_BY_NAME, search->scan->raw, &names, err) < 0) return -1;
    for (size_t i = 0; i < names.count; i++) {
        size_t size = search->path.size;
        if ((size > 0 && buf_add(&search->path, "/", 1, err) < 0) || buf_str(&search->path, names.entries[i].name, err) < 0 ||
            search_entry(search, fd, &names.entries[i], here, err) < 0)
            return -1;
        buf_cut(&search->path, size);
    }
    return 0;
}

/* The leading elements that are plain names, as a path; the last element is left to be searched for. */
static int literal_prefix(const struct glob *glob, struct buf *out, size_t *count, struct rt_error *err)
{
    for (*count = 0; *count + 1 < glob->count; ++*count) {
        const struct glob_segment *segment = &glob->segments[*count];
        if (segment->deep || segment->count != 1 || segment->tokens[0].kind != GLOB_LIT) break;
        if (buf_printf(out, err, "%s%s", *count ? "/" : "", segment->tokens[0].text) < 0) return -1;
    }
    return 0;
}

/* Opens where the search begins and sets its path and state. -1, or 1 when there is nothing. */
static int begin_search(struct search *search, struct place *at, int *directory, struct rt_error *err)
{
    auto_buf struct buf prefix = { 0 };
    size_t count = 0;
    if (!search->scan->parents && literal_prefix(search->glob, &prefix, &count, err) < 0) return -1;
    *directory = try_open_in_root(search->scan->root, count ? prefix.data : ".", O_RDONLY | O_DIRECTORY, 0);
    if (*directory < 0) return count && (errno == ENOENT || errno == ENOTDIR) ? 1 : path_fail(err, errno, "openat2", count ? prefix.data : "/", "read the directory");
    auto_free char *real = path_below_root(search->scan->root, *directory, err);
    if (!real || buf_str(&search->path, real, err) < 0 || !(at->level = ignore_level_at(search->scan->ignore, real, err))) return -1;
    at->state = calloc(glob_words(search->glob), sizeof *at->state);
    auto_free uint64_t *next = calloc(glob_words(search->glob), sizeof *next);
    if (!at->state || !next) return rt_nomem(err);
    glob_start(search->glob, at->state);
    for (size_t i = 0; i < count; i++) {
        const char *name = search->glob->segments[i].tokens[0].text;
        glob_advance(search->glob, at->state, name, strlen(name), next);
        memcpy(at->state, next, glob_words(search->glob) * sizeof *next);
    }
    return at->level->ignored && !ignore_may_reinclude(search->scan->ignore, at->level);
}

int source_expand(const struct scan *scan, const struct source *source, struct path_list *out, struct rt_error *err)
{
    if (source->path) return add_path(out, source->path, err);
    struct search search = { .scan = scan, .glob = &source->glob, .found = out };
    auto_place struct place at = { 0 };
    auto_close int directory = -1;
    int status = begin_search(&search, &at, &directory, err);
    if (status == 0) status = search_directory(&search, directory, &at, err);
    buf_free(&search.path);
    return status < 0 ? -1 : 0;
}
