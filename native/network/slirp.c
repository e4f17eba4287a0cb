#include "network/user_program.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"

#define SOCKET "slirp.sock"
#define ANSWER_LIMIT (64u << 10)

static int arguments(const struct network *network, struct arguments *out, struct rt_error *err)
{
    static const char *const fixed[] = { "--configure", "--mtu=65520", "--disable-host-loopback", "--ready-fd=1", "--netns-type=path" };
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (arguments_add(out, err, fixed[i]) < 0)
            return -1;
    if (network->port_count > 0 && (arguments_add(out, err, "--api-socket") < 0 || arguments_add(out, err, "/proc/self/fd/3/" SOCKET) < 0))
        return -1;
    return arguments_add(out, err, USER_NETNS_PATH) < 0 ? -1 : arguments_add(out, err, "eth0");
}

/* One request for each connection, its end is ours to tell. */
static int ask(int directory, const char *request, struct buf *answer, struct rt_error *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" SOCKET, directory);
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0 || write_all(fd, request, strlen(request)) < 0 || shutdown(fd, SHUT_WR) < 0)
        return rt_fail(err, "NETWORK_FAILED", errno, "connect", "cannot ask '%s' for a port", slirp4netns.name);
    return read_fd(fd, ANSWER_LIMIT, answer, "NETWORK_FAILED", "the answer of slirp4netns", err);
}

/* It has IPv4 only: a port that is wanted on all addresses of both families is there for one. */
static bool has_ipv4_twin(const struct network *network, const struct port *port)
{
    for (size_t i = 0; i < network->port_count; i++) {
        const struct port *other = &network->ports[i];
        if (other->protocol == port->protocol && other->host_port == port->host_port && other->host_address.family == AF_INET && address_is_any(&other->host_address))
            return true;
    }
    return false;
}

static int publish_port(const struct port *port, int directory, struct rt_error *err)
{
    char text[INET6_ADDRSTRLEN];
    auto_buf struct buf answer = { 0 };
    auto_free char *request = rt_printf(err, "{\"execute\":\"add_hostfwd\",\"arguments\":{\"proto\":\"%s\",\"host_addr\":\"%s\",\"host_port\":%u,\"guest_port\":%u}}", protocol_name(port->protocol),
                                        address_text(&port->host_address, text), port->host_port, port->port);
    if (!request || ask(directory, request, &answer, err) < 0)
        return -1;
    auto_json json_t *json = json_parse(answer.data ? answer.data : "", answer.size, "NETWORK_FAILED", "the answer of slirp4netns", err);
    if (!json)
        return -1;
    const char *words = json_string_value(json_object_get(json_object_get(json, "error"), "desc"));
    return json_object_get(json, "return") ? 0 : rt_fail(err, "NETWORK_FAILED", 0, "", "'%s' cannot publish %s:%u/%s%s%s", slirp4netns.name, text, port->host_port, protocol_name(port->protocol), words ? ": " : "", words ? words : "");
}

static int publish(const struct network *network, int directory, struct rt_error *err)
{
    for (size_t i = 0; i < network->port_count; i++) {
        const struct port *port = &network->ports[i];
        if (port->host_address.family == AF_INET6 && address_is_any(&port->host_address) && has_ipv4_twin(network, port))
            continue;
        if (publish_port(port, directory, err) < 0)
            return -1;
    }
    unlinkat(directory, SOCKET, 0); /* nobody else is to ask it */
    return 0;
}

const struct user_program slirp4netns = { .name = "slirp4netns", .arguments = arguments, .publish = publish };
