#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "verbs.h"

#define PLAN_ENTRY(verb, own, enters) { .name = #verb, .run = verb_##verb, .own_idmap = own, .container = enters },
static const struct plan_entry plan_verbs[] = { PLAN_VERBS(PLAN_ENTRY){ 0 } };

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "plan") == 0) return plan_main(plan_verbs, argv + 2);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("tsbuild-core %s (plan protocol %d)\n", VERSION, PLAN_PROTOCOL);
        return 0;
    }
    if (oci_main) return oci_main(argc, argv);
    dprintf(STDERR_FILENO, "usage: tsbuild-core plan <3 plan.json 4> answers | --version\n");
    return 2;
}
