#include "network/user_program.h"

#include "base/util.h"

/* One option for each port: its first releases take one address only in each. */
static int add_ports(const struct network *network, int protocol, const char *option, struct arguments *out, struct rt_error *err)
{
    char text[INET6_ADDRSTRLEN];
    bool any = false;
    for (size_t i = 0; i < network->port_count; i++) {
        const struct port *port = &network->ports[i];
        if (port->protocol != protocol)
            continue;
        auto_free char *spec = rt_printf(err, "%s/%u:%u", address_text(&port->host_address, text), port->host_port, port->port);
        if (!spec || arguments_add(out, err, option) < 0 || arguments_add(out, err, spec) < 0)
            return -1;
        any = true;
    }
    return any || (arguments_add(out, err, option) == 0 && arguments_add(out, err, "none") == 0) ? 0 : -1;
}

static int arguments(const struct network *network, struct arguments *out, struct rt_error *err)
{
    /*
     * The user namespace is ours already. Without --runas the root of the host becomes nobody, who may not enter the namespace. It gives up most capabilities at once, and could
     * then not look into the container's first process for its namespace: it gets a descriptor.
     */
    static const char *const fixed[] = { "--foreground", "--quiet", "--config-net", "--no-map-gw", "--ns-ifname", "eth0", "--runas", "0:0", "--pid", "/proc/self/fd/3", "--tcp-ns", "none", "--udp-ns", "none", "--netns", "/proc/self/fd/4" };
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (arguments_add(out, err, fixed[i]) < 0)
            return -1;
    return add_ports(network, IPPROTO_TCP, "--tcp-ports", out, err) < 0 || add_ports(network, IPPROTO_UDP, "--udp-ports", out, err) < 0 ? -1 : 0;
}

const struct user_program pasta = { .name = "pasta", .arguments = arguments };
