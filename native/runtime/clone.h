#pragma once
#include <linux/sched.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * clone3 as fork is called: returns twice. Where a filter around us does not know clone3 (that of older container engines, which answers ENOSYS or EPERM) it is done by clone,
 * which can do all of it but the birth in a cgroup: `born` tells whether that was had. Time namespaces are then out of reach, ENOSYS.
 */
pid_t clone_process(const struct clone_args *args, bool *born);
