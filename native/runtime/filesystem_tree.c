#include "runtime/filesystem_tree.h"

#include "runtime/mount.h"
#include "runtime/mount_options.h"

int filesystem_tree_open(struct spec *spec, const struct tree *tree, int *mount, struct rt_error *err)
{
    struct spec_mount wanted = {.type = tree->type, .source = tree->source};
    const struct spec_strings options = {.items = (const char **)tree->options, .count = tree->option_count};
    if (mount_options_parse(spec, &options, &wanted, err)) return -1;
    *mount = mount_new(tree->type, tree->source, wanted.data, wanted.flags, mount_attributes(wanted.flags), err);
    return *mount < 0 ? -1 : 0;
}
