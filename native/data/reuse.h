#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"
#include "data/manifest.h"
#include "data/path-set.h"
#include "data/remember.h"

/*
 * An earlier layer that the same copy made: {"layer":"/…/snapshots/5/fs","manifest":"/file"|null,"marks":"/file"|null}. A file that is the same in content and metadata is
 * linked from there instead of copied. The content is believed to be the same when the manifest of that copy has the digest, else by reading it.
 */
struct reuse {
    int layer; /* -1: none */
    char *layer_path, *manifest_path;
    char *marks_path; /* of the layer's tar (tar-marks.h) */
    bool known; /* digests were read from the manifest */
    size_t records, seen; /* entries of that copy, and how many of them this one has, too */
    struct reuse_digest *slots;
    size_t capacity;
    struct path_set used; /* inodes linked so far: one file of the layer stands for one source only, or the copies would be hard links of each other */
};

#define REUSE_NONE { .layer = -1 }

int reuse_parse(const json_t *object, const char *key, struct reuse *out, struct rt_error *err);
void reuse_free(struct reuse *reuse);

/* Opens the layer; one that is gone is no error, only nothing to reuse. `by_manifest`: its digests may be believed (each path has one copy). */
int reuse_open(struct reuse *reuse, bool by_manifest, struct rt_error *err);

/* Whether the manifest of the earlier copy has the very same record for the path: nobody has touched the entry since, its copy is the one to be made now. */
bool reuse_untouched(struct reuse *reuse, const char *path, const struct manifest_record *record);

/*
 * Links `name` of `from`, a directory of the earlier layer, to the same name of `to`, when it is a regular file of exactly the status that `want` has
 * (type and mode, owner, size, time) and of the digest. `path` is the source's, as in the manifest. 1 linked, 0 not, -1.
 */
int reuse_link(struct reuse *reuse, int from, int to, const char *name, const char *path, const struct stat *want, const uint8_t digest[CONTENT_DIGEST], struct rt_error *err);
