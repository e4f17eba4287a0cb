#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "network/link.h"
#include "network/mark.h"
#include "tests/check.h"

static const unsigned char mac[ETH_ALEN] = { 2, 0x42, 1, 2, 3, 4 };

/* A name that somebody took since we looked: what has it must not get our mark, by which it would be removed later. */
static void check_stranger(struct nl *nl)
{
    struct rt_error err = { 0 };
    struct link link;
    int index = bridge_create(nl, "docker0", "a stranger's", 0, mac, &err);
    CHECK(index > 0 && link_find(nl, "docker0", &link, &err) == 1 && link.index == index && link.up);
    CHECK(bridge_create(nl, "docker0", MARK_BRIDGE, 0, mac, &err) == -1);
    CHECK_STR(err.code, "NETWORK_FAILED");
    CHECK(link_find(nl, "docker0", &link, &err) == 1 && link.index == index);
    CHECK_STR(link.alias, "a stranger's");
}

static int count(const struct link *link, void *context)
{
    (void)link;
    ++*(int *)context;
    return 0;
}

int main(void)
{
    auto_nl struct nl nl = { .fd = -1 };
    struct rt_error err = { 0 };
    int links = 0;
    if (unshare(CLONE_NEWNET) != 0) {
        puts("skipped: no network namespace without root");
        return 77;
    }
    CHECK(nl_open(&nl, NETLINK_ROUTE, &err) == 0);
    check_stranger(&nl);
    CHECK(link_walk(&nl, count, &links, &err) == 0 && links == 2); /* lo and docker0 */
    return 0;
}
