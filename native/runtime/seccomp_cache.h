#pragma once

/*
 * The directory in which this user's compiled filters are kept until the next boot: /run/tsbuild/seccomp, or below $XDG_RUNTIME_DIR. Made when it is missing. -1 where there is no
 * such place, or it is not ours alone: then every filter is compiled.
 */
int seccomp_cache_open(void);
