#pragma once
#include <stdbool.h>

#include "base/error.h"

/*
 * A container whose command is /proc/self/exe, or an interpreter line with it, runs the core's own binary and can then write to the host's file through /proc/PID/exe
 * (CVE-2019-5736). What enters a container therefore runs from a mount of the binary that is read-only and attached nowhere, or, where it may not mount, from a sealed copy in memory.
 */

/* Whether this process already runs from such a place. */
bool self_is_protected(void);

/* Starts the program again from there with the same arguments; returns only on failure. Descriptors without close-on-exec stay. */
int self_protect(char *const argv[], struct rt_error *err);
