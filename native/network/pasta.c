#include "network/user_program.h"

#include "base/util.h"

/* The same port on all addresses of the other family. */
static bool has_twin(const struct network *network, const struct port *port)
{
    for (size_t i = 0; i < network->port_count && address_is_any(&port->host_address); i++) {
        const struct port *other = &network->ports[i];
        if (other->protocol == port->protocol && other->host_port == port->host_port && other->host_address.family != port->host_address.family && address_is_any(&other->host_address))
            return true;
    }
    return false;
}

/* One option for each port: its first releases take one address only in each, and want a port that is on all addresses of both families without any. */
static int add_ports(const struct network *network, int protocol, const char *option, struct arguments *out, struct rt_error *err)
{
    char text[INET6_ADDRSTRLEN];
    bool any = false;
    for (size_t i = 0; i < network->port_count; i++) {
        const struct port *port = &network->ports[i];
        bool twin = has_twin(network, port);
        if (port->protocol != protocol || (twin && port->host_address.family == AF_INET6))
            continue;
        auto_free char *spec = twin ? rt_printf(err, "%u:%u", port->host_port, port->port) : rt_printf(err, "%s/%u:%u", address_text(&port->host_address, text), port->host_port, port->port);
        if (!spec || arguments_add(out, err, option) < 0 || arguments_add(out, err, spec) < 0)
            return -1;
        any = true;
    }
    return any || (arguments_add(out, err, option) == 0 && arguments_add(out, err, "none") == 0) ? 0 : -1;
}

static int arguments(const struct network *network, struct arguments *out, struct rt_error *err)
{
    /* The user namespace is ours already. Without --runas the root of the host becomes nobody, who may not enter the namespace. */
    static const char *const fixed[] = { "--foreground", "--quiet", "--config-net", "--no-map-gw", "--no-netns-quit", "--ns-ifname", "eth0", "--runas", "0:0", "--pid", "/proc/self/fd/1", "--tcp-ns", "none", "--udp-ns", "none", "--netns", USER_NETNS_PATH };
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (arguments_add(out, err, fixed[i]) < 0)
            return -1;
    return add_ports(network, IPPROTO_TCP, "--tcp-ports", out, err) < 0 || add_ports(network, IPPROTO_UDP, "--udp-ports", out, err) < 0 ? -1 : 0;
}

const struct user_program pasta = { .name = "pasta", .arguments = arguments };
