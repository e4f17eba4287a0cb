#pragma once
#include <stdbool.h>

#define SAVED_COMMENT_MAX 255

/* One rule of iptables-save: `-A CHAIN …`, its table, and its comment ("" where it has none). */
struct saved_rule {
    char table[32], comment[SAVED_COMMENT_MAX + 1];
    const char *text; /* behind "-A " */
    int size;
};

/* The next rule from *at on; false at the end. `table` holds what the lines before said; empty at first. */
bool saved_next(const char **at, char table[32], struct saved_rule *out);
bool saved_has_chain(const char *saved, const char *chain);
/* How many rules of a table have that comment. */
int saved_count(const char *saved, const char *wanted, const char *comment);
