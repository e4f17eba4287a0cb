#pragma once
#include "base/error.h"

/*
 * The built-in pid 1 of `--init`: forks; the child returns to become the user's process, the parent never returns. It reaps whatever becomes an orphan, passes signals on
 * to the child and ends with its exit code, 128 + signal where one ended it.
 */
int reaper_split(struct rt_error *err);
