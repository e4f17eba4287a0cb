#pragma once

/*
 * Opens a regular file below a root for reading, links followed inside the root. Anything else is not opened at all, for to open it may already do something: a FIFO
 * lets its writer go on, /dev/watchdog in an image would reboot the host. -1 with errno; EINVAL when there is no regular file.
 */
int try_open_regular_in_root(int rootfd, const char *path);
