#pragma once
#include "data/tree.h"
#include "runtime/spec.h"

/*
 * Mounts what a tree of kind "filesystem" describes, attached nowhere, in the calling process: the devices that a container may not touch by itself are no
 * hindrance. Memory is the spec's. Code MOUNT_FAILED.
 */
int filesystem_tree_open(struct spec *spec, const struct tree *tree, int *mount, struct rt_error *err);
