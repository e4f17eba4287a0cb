#include "network/iptables_saved.h"

#include <stdio.h>
#include <string.h>

bool saved_next(const char **at, char table[32], struct saved_rule *out)
{
    static const char mark[] = " --comment ";
    while (*at && **at) {
        const char *line = *at;
        size_t size = strcspn(line, "\n");
        *at = line + size + (line[size] == '\n');
        if (line[0] == '*')
            snprintf(table, 32, "%.*s", (int)size - 1, line + 1);
        if (strncmp(line, "-A ", 3) != 0)
            continue;
        *out = (struct saved_rule){ .text = line + 3, .size = (int)size - 3 };
        memcpy(out->table, table, sizeof out->table);
        const char *comment = memmem(line, size, mark, sizeof mark - 1);
        if (comment) {
            comment += sizeof mark - 1;
            bool quoted = *comment == '"';
            comment += quoted;
            size_t length = 0;
            while (comment + length < line + size && comment[length] != (quoted ? '"' : ' ')) length++;
            snprintf(out->comment, sizeof out->comment, "%.*s", (int)length, comment);
        }
        return true;
    }
    return false;
}

bool saved_has_chain(const char *saved, const char *chain)
{
    char line[64];
    snprintf(line, sizeof line, "\n:%s ", chain);
    return saved && strstr(saved, line);
}

int saved_count(const char *saved, const char *wanted, const char *comment)
{
    char table[32] = "";
    struct saved_rule rule;
    int count = 0;
    for (const char *at = saved; saved_next(&at, table, &rule);)
        count += strcmp(rule.table, wanted) == 0 && strcmp(rule.comment, comment) == 0;
    return count;
}
