#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/path.h"
#include "base/util.h"
#include "data/ignore.h"

/* libFuzzer harness: any bytes as an ignore list ("ignore"), judged for a path ("path") element by element. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rt_error err;
    struct ignore ignore = { 0 };
    const char *path = "a/b/c";
    auto_json json_t *json = json_parse((const char *)data, size, "PLAN_INVALID", "the list", &err);
    if (!json || !json_is_object(json)) return 0;
    json_opt_str(json, "path", &path, &err);
    if (ignore_parse(json, "ignore", &ignore, &err) < 0) return 0;
    auto_free char *clean = path_clean(path ? path : "", &err);
    auto_free struct ignore_level *level = clean ? ignore_level_at(&ignore, clean, &err) : NULL;
    if (level) ignore_may_reinclude(&ignore, level);
    ignore_free(&ignore);
    return 0;
}
