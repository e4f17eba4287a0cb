#include "data/layer-facts.h"

#include <string.h>

#include "base/json.h"

json_t *layer_facts_json(const struct layer_facts *facts)
{
    json_t *json = json_pack("{s:s,s:I,s:I,s:I}", "diffId", facts->diff_id, "size", (json_int_t)facts->size, "entries", (json_int_t)facts->entries, "bytes",
                             (json_int_t)facts->bytes);
    if (json && facts->marker_names > 0) json_object_set_new(json, "markerNames", json_integer((json_int_t)facts->marker_names));
    return json;
}

int layer_expect(const json_t *plan, const char **out, struct rt_error *err)
{
    json_t *expect = NULL;
    *out = NULL;
    if (json_opt_obj(plan, "expect", &expect, err) < 0) return -1;
    if (!expect) return 0;
    return json_allow(expect, err, "diffId", NULL) < 0 ? -1 : json_opt_str(expect, "diffId", out, err);
}

int layer_verify(const struct layer_facts *facts, const char *expected, struct rt_error *err)
{
    if (!expected || strcmp(facts->diff_id, expected) == 0) return 0;
    return rt_fail(err, "DIGEST_MISMATCH", 0, NULL, "the layer's content is %s, not the expected %s", facts->diff_id, expected);
}
