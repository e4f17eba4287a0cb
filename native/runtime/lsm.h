#pragma once
#include "base/error.h"
#include "runtime/spec.h"

/* The AppArmor profile or SELinux label that the next execve of this process takes on. Without the module a profile is a warning of the caller's: returns 1. */
int lsm_set_exec(int procfd, const struct spec_process *process, struct rt_error *err);
