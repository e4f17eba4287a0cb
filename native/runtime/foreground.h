#pragma once
#include "base/error.h"

/*
 * What a runtime in the foreground does while its container's process lives: signals that it gets go to the process, and with a terminal (master, or -1) what is typed and printed
 * is passed on, the caller's terminal being in raw mode and their sizes kept equal. Returns when the process has ended.
 */
int foreground_serve(int pidfd, int terminal, struct rt_error *err);
