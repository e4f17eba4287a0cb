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

int source_expand(const struct scan *scan, const struct source *source, struct path_list *out, struct rt_error *err)
{
    if (source->path) return add_path(out, source->path, err);
    struct search search = { .scan = scan, .glob = &source->glob, .found = out };
    auto_place struct place root = { 0 };
    if (place_new(&search, &root, err) < 0) return -1;
    ignore_root(scan->ignore, root.level);
    glob_start(&source->glob, root.state);
    auto_close int directory = openat(scan->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return path_fail(err, errno, "openat", "/", "read the directory");
    int status = search_directory(&search, directory, &root, err);
    buf_free(&search.path);
    return status;
}
