#pragma once
#include <stdint.h>

#include "base/error.h"
#include "runtime/spec.h"

/* Number of "CAP_NET_ADMIN" (any case, with or without the prefix), -1 for an unknown name. */
int caps_number(const char *name);
/* NULL for a number without a name. */
const char *caps_name(int number);
/* The highest capability that the running kernel has. */
int caps_last(void);

/* Leaves only `bounding` in the bounding set and clears the ambient set. Needs CAP_SETPCAP; before the user changes. */
int caps_drop_bounding(uint64_t bounding, struct rt_error *err);
/* Permitted, effective, inheritable. */
int caps_set(uint64_t permitted, uint64_t effective, uint64_t inheritable, struct rt_error *err);
int caps_raise_ambient(uint64_t ambient, struct rt_error *err);
uint64_t caps_permitted(void);
