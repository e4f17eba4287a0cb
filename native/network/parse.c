#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/util.h"
#include "network/types.h"

static const char *const mode_names[] = { "none", "host", "path", "bridge", "user", NULL };
static const char *const protocol_names[] = { "tcp", "udp", "sctp", NULL };
static const int protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };

const char *protocol_name(int protocol)
{
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
        if (protocols[i] == protocol)
            return protocol_names[i];
    return "";
}

/* A zeroed array for the elements of a JSON array, and its length. */
static int make_array(const json_t *array, size_t element, void *out, size_t *count, struct rt_error *err)
{
    size_t n = json_array_size(array);
    void *data = n ? calloc(n, element) : NULL;
    if (n && !data)
        return rt_nomem(err);
    memcpy(out, &data, sizeof data);
    *count = n;
    return 0;
}

static int parse_interface_name(const json_t *value, char out[IFNAMSIZ], struct rt_error *err)
{
    const char *name;
    if (json_req_str(value, "name", &name, err) < 0)
        return -1;
    size_t size = strlen(name);
    if (size == 0 || size >= IFNAMSIZ || strpbrk(name, "/ \t\n:%") || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return rt_fail(err, "PLAN_INVALID", 0, "", "'%s' is not an interface name", name);
    memcpy(out, name, size + 1);
    return 0;
}

static int parse_addresses(const json_t *object, const char *key, struct address **out, size_t *count, struct rt_error *err)
{
    json_t *array = NULL;
    if (json_opt_arr(object, key, &array, err) < 0)
        return -1;
    if (!array)
        return 0;
    if (make_array(array, sizeof **out, out, count, err) < 0)
        return -1;
    for (size_t i = 0; i < *count; i++) {
        const char *text;
        if (json_elem_str(array, i, key, &text, err) < 0 || address_parse(text, key, &(*out)[i], err) < 0)
            return -1;
    }
    return 0;
}

static int parse_address(const json_t *object, const char *key, struct address *out, struct rt_error *err)
{
    const char *text;
    return json_req_str(object, key, &text, err) < 0 ? -1 : address_parse(text, key, out, err);
}

int bridge_parse(const json_t *value, struct bridge *out, struct rt_error *err)
{
    int64_t mtu = 0;
    out->masquerade = true;
    if (json_allow(value, err, "name", "addresses", "mtu", "internal", "masquerade", "isolated", "open", NULL) < 0 || parse_interface_name(value, out->name, err) < 0 ||
        parse_addresses(value, "addresses", &out->addresses, &out->address_count, err) < 0 || json_opt_i64(value, "mtu", 0, 65535, &mtu, err) < 0 ||
        json_opt_bool(value, "internal", &out->internal, err) < 0 || json_opt_bool(value, "masquerade", &out->masquerade, err) < 0 ||
        json_opt_bool(value, "isolated", &out->isolated, err) < 0 || json_opt_bool(value, "open", &out->open, err) < 0)
        return -1;
    out->mtu = (unsigned)mtu;
    return 0;
}

static int parse_routes(const json_t *value, struct interface *out, struct rt_error *err)
{
    json_t *array = NULL;
    if (json_opt_arr(value, "routes", &array, err) < 0 || (array && make_array(array, sizeof *out->routes, &out->routes, &out->route_count, err) < 0))
        return -1;
    for (size_t i = 0; i < out->route_count; i++) {
        json_t *route;
        const char *gateway = NULL;
        if (json_elem_obj(array, i, "routes", &route, err) < 0 || json_allow(route, err, "destination", "gateway", NULL) < 0 ||
            parse_address(route, "destination", &out->routes[i].destination, err) < 0 || json_opt_str(route, "gateway", &gateway, err) < 0 ||
            (gateway && address_parse(gateway, "gateway", &out->routes[i].gateway, err) < 0))
            return -1;
    }
    return 0;
}

static int parse_names(const json_t *value, struct interface *out, struct rt_error *err)
{
    json_t *names = NULL, *entries;
    if (json_opt_obj(value, "names", &names, err) < 0)
        return -1;
    if (!names)
        return 0;
    if (json_allow(names, err, "dir", "entries", NULL) < 0 || json_req_bytes(names, "dir", &out->names_dir, NULL, err) < 0 ||
        json_req_arr(names, "entries", &entries, err) < 0 || make_array(entries, sizeof *out->names, &out->names, &out->name_count, err) < 0)
        return -1;
    if (out->names_dir[0] != '/')
        return rt_fail(err, "PLAN_INVALID", 0, "", "names.dir: '%s' is not an absolute path", out->names_dir);
    for (size_t i = 0; i < out->name_count; i++) {
        const char *name;
        if (json_elem_str(entries, i, "names.entries", &name, err) < 0)
            return -1;
        if (!*name || strlen(name) > 253 || strpbrk(name, " \t\r\n"))
            return rt_fail(err, "PLAN_INVALID", 0, "", "'%s' is not a host name", name);
        if (!(out->names[i] = rt_strdup(name, err)))
            return -1;
    }
    return 0;
}

static int parse_interface(const json_t *value, struct interface *out, struct rt_error *err)
{
    json_t *bridge;
    const char *mac;
    if (json_allow(value, err, "name", "bridge", "addresses", "mac", "gateways", "routes", "names", NULL) < 0 ||
        parse_interface_name(value, out->name, err) < 0 || json_req_obj(value, "bridge", &bridge, err) < 0 ||
        bridge_parse(bridge, &out->bridge, err) < 0 || parse_addresses(value, "addresses", &out->addresses, &out->address_count, err) < 0 ||
        json_req_str(value, "mac", &mac, err) < 0 || mac_parse(mac, out->mac, err) < 0 ||
        parse_addresses(value, "gateways", &out->gateways, &out->gateway_count, err) < 0 || parse_routes(value, out, err) < 0)
        return -1;
    return parse_names(value, out, err);
}

static int parse_port(const json_t *value, struct port *out, struct rt_error *err)
{
    int protocol;
    int64_t host_port, port;
    if (json_allow(value, err, "proto", "hostIp", "hostPort", "address", "port", NULL) < 0 ||
        json_req_enum(value, "proto", protocol_names, &protocol, err) < 0 || parse_address(value, "hostIp", &out->host_address, err) < 0 ||
        json_req_i64(value, "hostPort", 1, 65535, &host_port, err) < 0 || parse_address(value, "address", &out->address, err) < 0 ||
        json_req_i64(value, "port", 1, 65535, &port, err) < 0)
        return -1;
    out->protocol = protocols[protocol];
    out->host_port = (uint16_t)host_port;
    out->port = (uint16_t)port;
    return 0;
}

static int parse_ports(const json_t *value, struct network *out, struct rt_error *err)
{
    json_t *array = NULL;
    if (json_opt_arr(value, "ports", &array, err) < 0 || (array && make_array(array, sizeof *out->ports, &out->ports, &out->port_count, err) < 0))
        return -1;
    for (size_t i = 0; i < out->port_count; i++) {
        json_t *port;
        if (json_elem_obj(array, i, "ports", &port, err) < 0 || parse_port(port, &out->ports[i], err) < 0)
            return -1;
    }
    return 0;
}

static int parse_name_service(const json_t *value, struct network *out, struct rt_error *err)
{
    json_t *dns = NULL;
    if (json_opt_obj(value, "dns", &dns, err) < 0)
        return -1;
    if (!dns)
        return 0;
    out->has_name_service = true;
    return json_allow(dns, err, "servers", NULL) < 0
               ? -1
               : parse_addresses(dns, "servers", &out->name_service.servers, &out->name_service.server_count, err);
}

static int parse_interfaces(const json_t *value, struct network *out, struct rt_error *err)
{
    json_t *array;
    if (json_allow(value, err, "mode", "interfaces", "ports", "dns", "shared", NULL) < 0 || json_opt_bytes(value, "shared", &out->shared, NULL, err) < 0 || json_req_arr(value, "interfaces", &array, err) < 0 ||
        make_array(array, sizeof *out->interfaces, &out->interfaces, &out->interface_count, err) < 0)
        return -1;
    for (size_t i = 0; i < out->interface_count; i++) {
        json_t *interface;
        if (json_elem_obj(array, i, "interfaces", &interface, err) < 0 || parse_interface(interface, &out->interfaces[i], err) < 0)
            return -1;
        for (size_t j = 0; j < i; j++)
            if (strcmp(out->interfaces[i].name, out->interfaces[j].name) == 0)
                return rt_fail(err, "PLAN_INVALID", 0, "", "two interfaces are named '%s'", out->interfaces[i].name);
    }
    return parse_ports(value, out, err) < 0 ? -1 : parse_name_service(value, out, err);
}

static int parse_mode(const json_t *value, struct network *out, struct rt_error *err)
{
    int mode;
    if (json_req_enum(value, "mode", mode_names, &mode, err) < 0)
        return -1;
    out->mode = (enum network_mode)mode;
    switch (out->mode) {
    case NETWORK_PATH:
        return json_allow(value, err, "mode", "path", NULL) < 0 ? -1 : json_req_bytes(value, "path", &out->path, NULL, err);
    case NETWORK_BRIDGE:
        return parse_interfaces(value, out, err);
    case NETWORK_USER:
        return json_allow(value, err, "mode", "program", "ports", "dns", NULL) < 0 || json_opt_bytes(value, "program", &out->program, NULL, err) < 0 ||
                       parse_ports(value, out, err) < 0
                   ? -1
                   : parse_name_service(value, out, err);
    case NETWORK_NONE:
    case NETWORK_HOST:
        break;
    }
    return json_allow(value, err, "mode", NULL);
}

int network_parse(const json_t *value, struct network **out, struct rt_error *err)
{
    struct network *network = calloc(1, sizeof *network);
    if (!network)
        return rt_nomem(err);
    network->references = 1;
    if (!json_is_object(value) || parse_mode(value, network, err) < 0) {
        network_free(&network);
        return json_is_object(value) ? rt_wrap(err, "network") : rt_fail(err, "PLAN_INVALID", 0, "", "network must be an object");
    }
    *out = network;
    return 0;
}

void bridge_clear(struct bridge *bridge)
{
    free(bridge->addresses);
}

static void interface_clear(struct interface *interface)
{
    bridge_clear(&interface->bridge);
    free(interface->addresses);
    free(interface->gateways);
    free(interface->routes);
    free(interface->names_dir);
    for (size_t i = 0; i < interface->name_count; i++)
        free(interface->names[i]);
    free(interface->names);
}

void network_free(struct network **network)
{
    struct network *n = *network;
    *network = NULL;
    if (!n || --n->references > 0)
        return;
    for (size_t i = 0; i < n->interface_count; i++)
        interface_clear(&n->interfaces[i]);
    free(n->interfaces);
    free(n->ports);
    free(n->name_service.servers);
    free(n->path);
    free(n->program);
    free(n->shared);
    free(n);
}

struct network *network_keep(const struct network *network)
{
    struct network *shared = (struct network *)(uintptr_t)network; /* only the count changes */
    shared->references++;
    return shared;
}

const char *network_shared(const struct network *network)
{
    return network->shared;
}

enum network_mode network_mode(const struct network *network)
{
    return network->mode;
}

/* The entry of linux.namespaces, fresh; NULL for host. */
static json_t *namespace_entry(const struct network *network)
{
    switch (network->mode) {
    case NETWORK_HOST:
        return NULL;
    case NETWORK_PATH:
        return json_pack("{s:s, s:s}", "type", "network", "path", network->path);
    case NETWORK_NONE:
    case NETWORK_BRIDGE:
    case NETWORK_USER:
        break;
    }
    return json_pack("{s:s}", "type", "network");
}

int network_configure(const struct network *network, json_t *config, struct rt_error *err)
{
    json_t *linux_part = json_object_get(config, "linux");
    if (!linux_part && json_object_set_new(config, "linux", linux_part = json_object()) != 0)
        return rt_nomem(err);
    json_t *namespaces = json_object_get(linux_part, "namespaces");
    if (!namespaces && json_object_set_new(linux_part, "namespaces", namespaces = json_array()) != 0)
        return rt_nomem(err);
    for (size_t i = json_array_size(namespaces); i-- > 0;) {
        const char *type = json_string_value(json_object_get(json_array_get(namespaces, i), "type"));
        if (type && strcmp(type, "network") == 0)
            json_array_remove(namespaces, i);
    }
    if (network->mode == NETWORK_HOST)
        return 0;
    return json_array_append_new(namespaces, namespace_entry(network)) == 0 ? 0 : rt_nomem(err);
}

static bool addresses_equal(const struct address *a, size_t a_count, const struct address *b, size_t b_count)
{
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++)
        if (!address_equal(&a[i], &b[i]))
            return false;
    return true;
}

bool port_equal(const struct port *a, const struct port *b)
{
    return a->protocol == b->protocol && a->host_port == b->host_port && a->port == b->port && address_equal(&a->host_address, &b->host_address) &&
           address_equal(&a->address, &b->address);
}

/* The same wire: what differs beyond it (routes, names) can be changed in place. */
bool interface_equal(const struct interface *a, const struct interface *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->bridge.name, b->bridge.name) == 0 && memcmp(a->mac, b->mac, ETH_ALEN) == 0 &&
           addresses_equal(a->addresses, a->address_count, b->addresses, b->address_count);
}
