#pragma once
#include <stddef.h>
#include <stdint.h>

#include "network/address.h"

/* DNS messages (RFC 1035), as far as a stub that knows a few names and passes the rest on needs them. Pure; the input is hostile. */

#define DNS_MAX_NAME 254
#define DNS_MAX_MESSAGE 65535
enum { DNS_A = 1, DNS_PTR = 12, DNS_AAAA = 28, DNS_ANY = 255 };
enum { DNS_NOERROR = 0, DNS_FORMERR = 1, DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3, DNS_NOTIMP = 4 };

struct dns_question {
    char name[DNS_MAX_NAME]; /* lower case, dots between labels, none at the end */
    unsigned type;
    size_t end; /* offset behind the question section */
};

/* 0; or the response code to answer with (FORMERR, NOTIMP); -1: not even worth an answer (too short, or itself an answer). */
int dns_parse_question(const unsigned char *message, size_t size, struct dns_question *out);

/*
 * Writes an answer to the question into `out` (at least question->end + room bytes are used; `capacity` in all) and returns its size. It begins as a copy of the
 * query's header and question; answers that no longer fit are left out and TC is set.
 */
struct dns_answer {
    int code;
    const struct address *addresses; /* those of the question's type are given */
    size_t address_count;
    const char *pointer; /* of a PTR question, or NULL */
};
size_t dns_write_answer(const unsigned char *query, const struct dns_question *question, const struct dns_answer *answer, unsigned char *out, size_t capacity);

/* "4.3.2.1.in-addr.arpa" or the ip6.arpa form as an address. */
bool dns_reverse_name(const char *name, struct address *out);

/* How large an answer over UDP may be: 512, or what an OPT record of the query offers (RFC 6891), at most 4096. */
size_t dns_udp_limit(const unsigned char *query, size_t size, const struct dns_question *question);
