#!/bin/sh
# fuzz-coverage.sh BUILD CORPUS: lines of each parser that its harness reaches with a corpus (llvm-cov). BUILD has harnesses with coverage.
set -eu
build=$(realpath "$1")
corpus=$(realpath "$2")
cd "$(dirname "$0")/.."

harness() {
  name=$1
  LLVM_PROFILE_FILE=$build/$name.profraw "$build/fuzz_$name" -runs=0 "$corpus/$name" 2>/dev/null
  llvm-profdata merge -sparse "$build/$name.profraw" -o "$build/$name.profdata"
}

# FILE [FUNCTIONS]: without those that it names (after "-"), or only those, where a file does more than parse.
lines() {
  llvm-cov report "$build/fuzz_$name" -instr-profile="$build/$name.profdata" -show-functions "$1" | awk -v name="$name" -v file="$1" -v which="${2:-}" '
    BEGIN { without = sub(/^-/, "", which) }
    !/^(File|Name|TOTAL|-|$)/ {
      sub(/.*:/, "", $1)
      if (which == "" || ($1 ~ "^(" which ")$") != without) { lines += $5; missed += $6 }
    }
    END { printf "%-7s %-28s %3d of %3d lines %6.2f%%\n", name, file, lines - missed, lines, 100 * (lines - missed) / lines }'
}

harness apply
lines data/tar-read.c
lines data/tar-pax.c
lines data/tar-sparse.c
lines data/tar-number.c '-tar_fits_octal|tar_put_number'
lines data/apply-tree.c
lines data/place.c '-place_node_as_file|give'
lines data/path-set.c
lines data/decoder.c
harness plan
lines base/json.c '-json_b64|json_from_.*'
lines base/base64.c 'base64_decode|value_of'
lines data/tree.c 'absolute|parse_.*|tree_parse|tree_req|tree_free'
lines base/idmap.c 'parse_ranges|idmap_parse|idmap_free'
lines data/selection.c 'selection_parse|selection_free'
lines data/source.c 'parse_source|source_parse_list|source_list_free'
lines data/copy.c 'copy_parse|copy_free'
lines data/owner.c owner_parse
lines data/reuse.c 'reuse_parse|reuse_free'
lines data/commit.c commit_parse
lines data/bulk.c 'bulk_parse|bulk_free'
lines data/file-mode.c
lines monitor/config.c
lines network/parse.c '.*parse.*|make_array|network_free|.*_clear'
lines network/address.c '.*parse.*'
harness spec
lines runtime/spec.c '-spec_read|spec_add_env'
lines runtime/spec_linux.c
lines runtime/spec_mounts.c
lines runtime/spec_process.c
lines runtime/spec_read.c
lines runtime/spec_resources.c
lines runtime/spec_seccomp.c
lines runtime/mount_options.c -mount_option_names
lines runtime/seccomp.c '-cache_.*|filter_load.*'
harness users
lines data/users.c
harness ignore
lines data/ignore.c
lines data/glob.c
harness dns
lines network/dns.c

harness state
lines runtime/state.c 'parse_state|state_read|state_free|process_start_time|state_pidfd|state_status'
lines runtime/cgroup.c 'cgroup_open|cgroup_free|open_place|add_place'
