#pragma once
#include "base/error.h"

/* Copies what the directory `source` holds (files, directories, links; owner, mode, times) to the root of a fresh mount `target` ("tmpcopyup"). */
int copy_up(int source, int target, struct rt_error *err);
