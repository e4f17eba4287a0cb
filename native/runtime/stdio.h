#pragma once
#include "base/error.h"
#include "runtime/spec.h"

/*
 * Puts the descriptors (-1: as they are) in the places of the standard streams and gives pipes and files among them to the user of the process, who could not open /dev/stderr
 * otherwise. Needs to be called before the user changes.
 */
int stdio_take(const int stdio[3], const struct spec_user *user, struct rt_error *err);
