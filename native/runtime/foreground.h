#pragma once
#include <stdbool.h>

#include "base/error.h"

struct notify;

/*
 * What a runtime in the foreground does while a container's process lives: with a terminal (master, or -1) what is typed and printed is passed on, the caller's terminal being in
 * raw mode and their sizes kept equal. Returns when the process has ended and what it printed is written.
 */
struct foreground {
    int pidfd, terminal;
    bool pass_signals;       /* those that this process gets go to the container's */
    int resize;              /* lines {"rows":…,"cols":…} change the size; -1: none */
    const struct notify *notify; /* NULL: none */
    bool (*cancelled)(void); /* asked after each interruption; NULL: never */
};
/* Whether what the container prints goes to the terminal that is set to raw mode; anything else, a pipe or a file, wants its lines as a file has them. */
bool foreground_is_terminal(void);
/* Holds signals back until foreground_serve passes them on: called before the process runs, so that none of them ends the runtime in between. */
void foreground_hold(void);
int foreground_serve(const struct foreground *options, struct rt_error *err);
