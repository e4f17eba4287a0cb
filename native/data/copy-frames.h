#pragma once
#include "data/copy-entry.h"

/* The directories of the destination that are open, from the top of the source down to the one at hand. */

/* Takes over `dir`. Without `mtime` the directory keeps the time that it gets. */
int copier_push(struct copier *copier, struct target_dir dir, size_t kept_size, const struct timespec *mtime, struct rt_error *err);
void copier_pop(struct copier *copier);
struct copy_frame *copier_top(struct copier *copier);

/* Whether nothing lies below the directory of the frame in the layers below. */
bool copier_is_fresh(const struct copier *copier, const struct copy_frame *frame);

/* Opens the counterpart of the frame just pushed in the layer that is reused. */
int copier_find_earlier(struct copier *copier, const char *name, struct rt_error *err);

/* Sets the time of the directory at hand and leaves it; leaves all that do not hold `kept`. */
int copier_leave(struct copier *copier, struct rt_error *err);
int copier_leave_to(struct copier *copier, const char *kept, struct rt_error *err);
