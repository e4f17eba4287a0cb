#pragma once
#include "base/error.h"

/* A session keyring of the container's own, so that it does not see its caller's keys. A kernel or a filter that has none is no error. `label`: SELinux, or NULL. */
int keyring_join(const char *id, const char *label, struct rt_error *err);
