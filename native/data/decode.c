#include <errno.h>
#include <stdlib.h>

#include "base/plan.h"
#include "base/util.h"
#include "data/bulk.h"
#include "data/decoder.h"
#include "verbs.h"

enum { SPAN = 256 * 1024 };

static int run(struct plan *plan, struct bulk *in, struct bulk *out, struct rt_error *err)
{
    if (bulk_open_read(in, err) < 0 || bulk_open_write(out, err) < 0) return -1;
    auto_decoder struct decoder *decoder = decoder_open((struct byte_source){ .fd = in->fd }, COMPRESSION_NONE, true, err);
    auto_free unsigned char *span = malloc(SPAN);
    if (!decoder) return -1;
    if (!span) return rt_nomem(err);
    uint64_t size = 0;
    for (ssize_t got; (got = decoder_read(decoder, span, SPAN, err)) != 0; size += (uint64_t)got) {
        if (got < 0 || plan_check(err) < 0) return -1;
        if (write_all(out->fd, span, (size_t)got) < 0) return rt_fail(err, "WRITE_FAILED", errno, "write", "cannot write the uncompressed bytes");
    }
    return plan_result(plan, json_pack("{s:I}", "size", (json_int_t)size), err);
}

/* Uncompresses a stream of any kind that the decoder knows. */
int verb_decode(struct plan *plan, struct rt_error *err)
{
    auto_bulk struct bulk in = { .fd = -1 };
    auto_bulk struct bulk out = { .fd = -1 };
    if (plan_allow(plan, err, "in", "out") < 0) return -1;
    int has_in = bulk_parse(plan->json, "in", &in, err), has_out = bulk_parse(plan->json, "out", &out, err);
    if (has_in < 0 || has_out < 0) return -1;
    if (has_in == 0 || has_out == 0) return rt_fail(err, "PLAN_INVALID", 0, NULL, "members 'in' and 'out' are needed");
    int result = run(plan, &in, &out, err);
    if (result < 0) bulk_discard(&out);
    return result;
}
