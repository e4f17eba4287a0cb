#include "network/dns.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

#define HEADER 12
#define TTL 5 /* seconds: containers come and go */

static unsigned get16(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static void put16(unsigned char *at, unsigned value)
{
    at[0] = (unsigned char)(value >> 8);
    at[1] = (unsigned char)value;
}

/* A question's name has no compression: it is the first name of the message. */
static int parse_name(const unsigned char *message, size_t size, size_t *at, char out[DNS_MAX_NAME])
{
    size_t length = 0;
    for (;;) {
        if (*at >= size)
            return DNS_FORMERR;
        size_t label = message[(*at)++];
        if (label == 0)
            break;
        if (label > 63 || label > size - *at || length + label + 1 >= DNS_MAX_NAME)
            return DNS_FORMERR;
        if (length > 0)
            out[length++] = '.';
        for (size_t i = 0; i < label; i++) {
            unsigned char c = message[(*at)++];
            out[length++] = c > ' ' && c < 0x7f && c != '.' ? (char)tolower(c) : '\x7f'; /* matches no name of ours */
        }
    }
    out[length] = '\0';
    return 0;
}

int dns_parse_question(const unsigned char *message, size_t size, struct dns_question *out)
{
    *out = (struct dns_question){ .end = HEADER };
    if (size < HEADER || (message[2] & 0x80) != 0)
        return -1;
    if ((message[2] & 0x78) != 0)
        return DNS_NOTIMP;
    size_t at = HEADER;
    if (get16(message + 4) != 1 || parse_name(message, size, &at, out->name) != 0 || size - at < 4)
        return DNS_FORMERR;
    out->type = get16(message + at);
    out->end = at + 4;
    return 0;
}

struct writer {
    unsigned char *out;
    size_t size, capacity;
    unsigned answers;
    bool truncated;
};

static void put_record(struct writer *w, unsigned type, const void *data, size_t size)
{
    if (w->truncated || w->capacity - w->size < 12 + size) {
        w->truncated = true;
        return;
    }
    unsigned char *at = w->out + w->size;
    put16(at, 0xc000 | HEADER); /* the name of the question */
    put16(at + 2, type);
    put16(at + 4, 1);
    put16(at + 6, 0);
    put16(at + 8, TTL);
    put16(at + 10, (unsigned)size);
    memcpy(at + 12, data, size);
    w->size += 12 + size;
    w->answers++;
}

static size_t encode_name(const char *name, unsigned char out[DNS_MAX_NAME + 2])
{
    size_t size = 0;
    while (*name) {
        size_t label = strcspn(name, ".");
        if (label == 0 || label > 63 || size + label + 2 > DNS_MAX_NAME)
            return 0;
        out[size++] = (unsigned char)label;
        memcpy(out + size, name, label);
        size += label;
        name += label + (name[label] == '.');
    }
    out[size++] = 0;
    return size;
}

size_t dns_write_answer(const unsigned char *query, const struct dns_question *question, const struct dns_answer *answer, unsigned char *out, size_t capacity)
{
    struct writer w = { .out = out, .size = question->end, .capacity = capacity };
    memcpy(out, query, question->end);
    for (size_t i = 0; i < answer->address_count; i++) {
        const struct address *a = &answer->addresses[i];
        unsigned type = a->family == AF_INET ? DNS_A : DNS_AAAA;
        if (question->type == type || question->type == DNS_ANY)
            put_record(&w, type, a->bytes, address_size(a));
    }
    unsigned char name[DNS_MAX_NAME + 2];
    size_t size = answer->pointer ? encode_name(answer->pointer, name) : 0;
    if (size > 0)
        put_record(&w, DNS_PTR, name, size);
    /* QR, the query's opcode and RD; RA; the code */
    out[2] = (unsigned char)(0x80 | (query[2] & 0x79) | (w.truncated ? 0x02 : 0));
    out[3] = (unsigned char)(0x80 | (answer->code & 0x0f));
    put16(out + 4, question->end > HEADER ? 1 : 0);
    put16(out + 6, w.answers);
    put16(out + 8, 0);
    put16(out + 10, 0);
    return w.size;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool dns_reverse_name(const char *name, struct address *out)
{
    unsigned b[4];
    int used = 0;
    *out = (struct address){ 0 };
    if (sscanf(name, "%3u.%3u.%3u.%3u.in-addr.arpa%n", &b[3], &b[2], &b[1], &b[0], &used) == 4 && used > 0 && name[used] == '\0') {
        *out = (struct address){ .family = AF_INET, .prefix = 32 };
        for (int i = 0; i < 4; i++) {
            if (b[i] > 255)
                return false;
            out->bytes[i] = (unsigned char)b[i];
        }
        return true;
    }
    if (strlen(name) != 72 || strcmp(name + 64, "ip6.arpa") != 0)
        return false;
    *out = (struct address){ .family = AF_INET6, .prefix = 128 };
    for (int i = 0; i < 32; i++) {
        int digit = hex_digit(name[i * 2]);
        if (digit < 0 || name[i * 2 + 1] != '.')
            return false;
        out->bytes[15 - i / 2] = (unsigned char)(out->bytes[15 - i / 2] | digit << (i % 2 ? 4 : 0));
    }
    return true;
}

size_t dns_udp_limit(const unsigned char *query, size_t size, const struct dns_question *question)
{
    /* A stub resolver's query has nothing behind the question but an OPT record: root name, type 41, its class is the size. */
    const unsigned char *at = query + question->end;
    if (size < question->end + 11 || get16(query + 10) == 0 || at[0] != 0 || get16(at + 1) != 41)
        return 512;
    size_t offered = get16(at + 3);
    return offered < 512 ? 512 : offered > 4096 ? 4096 : offered;
}
