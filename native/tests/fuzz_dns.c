#include <stdlib.h>

#include "base/util.h"
#include "network/resolver_internal.h"

/* libFuzzer harness: any bytes as a question to a container's name service, with and without servers that it could ask. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct address server = { .family = AF_INET, .bytes = { 127, 0, 0, 1 }, .prefix = 32 };
    static struct address many[64];
    static unsigned char out[DNS_MAX_MESSAGE];
    if (size > DNS_MAX_MESSAGE) return 0;
    for (size_t servers = 0; servers < 2; servers++) {
        struct network network = { .references = 1, .has_name_service = true, .name_service = { .servers = &server, .server_count = servers } };
        struct resolver resolver = { .network = &network };
        size_t answer;
        resolver_consider(&resolver, data, size, 0, out, &answer);
    }
    resolver_refuse(data, size, DNS_SERVFAIL, out);
    struct dns_question question;
    if (dns_parse_question(data, size, &question) != DNS_NOERROR) return 0;
    for (size_t i = 0; i < ARRAY_LEN(many); i++) many[i] = (struct address){ .family = i % 2 ? AF_INET6 : AF_INET };
    struct address reverse;
    const struct dns_answer answer = { .addresses = many, .address_count = ARRAY_LEN(many), .pointer = question.name };
    size_t limit = dns_udp_limit(data, size, &question);
    size_t written = dns_write_answer(data, &question, &answer, out, limit > size ? limit : size);
    if (written > (limit > size ? limit : size)) abort();
    dns_reverse_name(question.name, &reverse);
    return 0;
}
