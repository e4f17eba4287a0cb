#pragma once
#include "base/error.h"

/* Restricts the calling process to the CPUs of a list such as "0-3,7"; NULL or "" leaves it. */
int affinity_set(const char *list, struct rt_error *err);
