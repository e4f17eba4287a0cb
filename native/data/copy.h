#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "data/file-mode.h"
#include "data/ignore.h"
#include "data/owner.h"
#include "data/reuse.h"
#include "data/source.h"
#include "data/target.h"

/* One COPY or ADD of `files` (docs/native-core.md). Strings belong to the plan. */
struct copy_action {
    struct tree from;
    struct ignore ignore, exclude;
    bool keep_owners; /* a stage or an image; else a build context, whose files are root's and have no attributes */
    struct source_list sources;
    bool parents;
    char *dest;
    struct owner owner;
    struct mode_change chmod;
    enum { ARCHIVES_KEEP, ARCHIVES_UNPACK, ARCHIVES_AUTO } archives;
    char *manifest; /* NULL: what is copied is not compared with what was walked */
    struct reuse reuse; /* used for build contexts with a manifest, in directories that the copy makes */
    int64_t newest;     /* seconds; files after it will get another time and are not shared with the earlier layer */
};

int copy_parse(const json_t *value, struct copy_action *out, struct rt_error *err);
void copy_free(struct copy_action *action);

struct copy_outcome {
    uint64_t reused; /* files that were linked from an earlier layer */
    /* Path in the target of a directory that is new, holds nothing but this copy, and has all that the earlier copy had there; NULL: no such thing. */
    char *same;
    char *changed; /* name in a tar, below `same`, of the first entry that may differ from the earlier copy's; NULL: none does */
};

/*
 * Copies as BuildKit does. Sources one after the other, each seen as `walk` sees it; a directory's content goes into the destination, made with
 * 0755 where it is missing; other directories take the source's owner, mode and times also where they exist already.
 * Codes: NOT_A_DIRECTORY (a directory onto something else), IS_A_DIRECTORY (something else onto a directory), FILE_CHANGED (not what was walked), LAYER_INVALID
 * (an archive, or a 0/0 device), PATH_MISSING. Adds to the outcome, whose strings are the caller's to free.
 */
int copy_run(struct copy_action *action, struct target *target, struct copy_outcome *outcome, struct rt_error *err);
