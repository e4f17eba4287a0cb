#include "data/owner.h"

#include <stdlib.h>

#include "base/json.h"
#include "data/users.h"

int owner_parse(const json_t *object, const char *key, struct owner *out, struct rt_error *err)
{
    json_t *owner = NULL;
    *out = (struct owner){ 0 };
    if (json_opt_obj(object, key, &owner, err) < 0) return -1;
    if (!owner) return 0;
    out->given = true;
    return json_allow(owner, err, "user", "group", NULL) < 0 || json_req_str(owner, "user", &out->user, err) < 0 ? -1
                                                                                                              : json_opt_str(owner, "group", &out->group, err);
}

int owner_resolve(struct owner *owner, int rootfd, struct rt_error *err)
{
    owner->uid = owner->gid = 0;
    if (!owner->given) return 0;
    bool by_id = users_parse_id(owner->user, &owner->uid);
    if (by_id) owner->gid = owner->uid;
    if (by_id && (!owner->group || users_parse_id(owner->group, &owner->gid))) return 0;
    auto_users struct users users = { 0 };
    if (users_read(rootfd, &users, err) < 0) return -1;
    struct user_entry entry = { 0 };
    int found = by_id ? 0 : users_find(&users, owner->user, &entry, err);
    if (found < 0) return -1;
    if (found) {
        owner->uid = entry.uid;
        owner->gid = entry.gid;
    }
    free(entry.home);
    if (owner->group) users_find_group(&users, owner->group, &owner->gid);
    return 0;
}
