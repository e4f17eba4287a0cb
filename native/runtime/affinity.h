#pragma once
#include <stdbool.h>

#include "base/error.h"

/* All CPUs that the cpuset of the calling process allows, whatever those of its parent were. */
void affinity_reset(void);
/* Whether affinity_set takes the list. */
bool affinity_valid(const char *list);
/* Restricts the calling process to the CPUs of a list such as "0-3,7"; NULL or "" leaves it. */
int affinity_set(const char *list, struct rt_error *err);
