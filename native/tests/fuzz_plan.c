#include <stdlib.h>

#include "base/idmap.h"
#include "base/json.h"
#include "data/tree.h"
#include "data/bulk.h"
#include "data/commit.h"
#include "data/copy.h"
#include "data/selection.h"
#include "monitor/config.h"
#include "network/network.h"

/* libFuzzer harness: any bytes as a plan, through every parser of the data plane, of networks and of the monitor. Nothing is carried out. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rt_error err;
    auto_json json_t *json = json_parse((const char *)data, size, "PLAN_INVALID", "the plan", &err);
    if (!json || !json_is_object(json)) return 0;
    struct tree tree;
    if (tree_req(json, "tree", &tree, &err) == 0) tree_free(&tree);
    struct idmap idmap;
    if (idmap_parse(json, &idmap, &err) == 1) idmap_free(&idmap);
    struct commit_options commit;
    if (commit_parse(json, &commit, &err) == 0) commit_free(&commit);
    struct bulk bulk;
    if (bulk_parse(json, "out", &bulk, &err) == 1 && bulk.path) {
        free(bulk.path);
        bulk.path = NULL;
    }
    struct selection selection;
    if (selection_parse(json, &selection, &err) == 0) selection_free(&selection);
    struct copy_action copy = { .reuse = REUSE_NONE };
    if (copy_parse(json, &copy, &err) == 0) mode_change_apply(&copy.chmod, S_IFDIR | 0755);
    copy_free(&copy);
    struct network *network = NULL;
    if (network_parse(json_object_get(json, "network"), &network, &err) == 0) network_free(&network);
    char *bytes = NULL;
    size_t length;
    json_opt_bytes(json, "data", &bytes, &length, &err);
    free(bytes);
    struct plan plan = { .json = json };
    struct monitor_config monitor;
    monitor_config_parse(&plan, &monitor, &err); /* changes the plan */
    monitor_config_free(&monitor);
    return 0;
}
