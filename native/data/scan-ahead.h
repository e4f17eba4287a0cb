#pragma once
#include "data/scan-directory.h"

/*
 * Threads that read the directories of a scan before it comes to them. They take what comes first in the order of the scan, and stay a bounded number
 * of parts ahead; so memory and open descriptors are bounded as well. The scan reads what it needs and nobody has begun, and helps while it
 * waits. There is a thread for every further processor that the process may use, and none for a small tree.
 */
struct scan_ahead;

/* `top`, with an open directory, is what the scan begins with, and belongs to the caller. NULL: no memory. */
struct scan_ahead *scan_ahead_open(const struct scan *scan, struct scan_directory *top, struct rt_error *err);

/* The first part of the directory, read; parts of a scan are asked for in its order. NULL: cancelled. What reading met is in the part. */
struct scan_part *scan_ahead_part(struct scan_ahead *ahead, struct scan_directory *directory, struct rt_error *err);
/* Drops that part. */
void scan_ahead_drop(struct scan_ahead *ahead, struct scan_directory *directory);

/* Ends the threads. False when one hangs in a system call: then what it uses, directories and what `scan` points to, stays until the process ends. */
bool scan_ahead_close(struct scan_ahead *ahead);
