#pragma once
#include "data/copy-entry.h"

/* Files with several names: an inode that was copied already becomes a link to its copy, as `name` of the directory at hand. 1: it was, 0: it is new, -1. */
int copy_as_link(struct copier *copier, const struct scan_entry *entry, const char *name, struct rt_error *err);
