#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Lists of CPUs and memory nodes, "0-3,7", as cpuset(7) writes them: sets the bits; false for anything else or a number of `size` or more. */
bool number_list_parse(const char *list, unsigned long *bits, size_t size);
