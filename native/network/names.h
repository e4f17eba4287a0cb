#pragma once
#include <time.h>

#include "base/util.h"
#include "network/types.h"

/*
 * Names of containers on a network: a directory for each network, in it one file for each container that is attached, named by the container's id:
 * a line "# RUNDIR" (see mark.h), then lines "address name name…". The monitor writes its own file and removes it; the name service of each container reads those of its networks.
 */
int names_publish(const struct interface *interface, const char *id, const char *run_dir, struct rt_error *err);
void names_withdraw(const struct interface *interface, const char *id);

/* Removes the files of containers for which `dead` says so, given the run directory in the file; returns how many. */
int names_sweep(const char *dir, bool (*dead)(const char *run_dir, void *context), void *context);

/* What the directory said when it was read last. */
struct names {
    struct buf text;
    struct timespec changed; /* of the directory */
    bool settled;            /* it was not changed so shortly before that a later change could bear the same time stamp */
};

/* Reads the directory anew when it changed. A directory that cannot be read has no names. */
void names_refresh(struct names *names, const char *dir);
void names_clear(struct names *names);

/* Addresses of a (lower case) name; appends to `out` (malloc'ed, *count long). False: the name is unknown. */
bool names_find(const struct names *names, const char *name, struct address **out, size_t *count);
/* The first name of an address into `out`; false: unknown. */
bool names_find_address(const struct names *names, const struct address *address, char *out, size_t size);
