#!/bin/sh
# fuzz-seeds.sh DIR: a first corpus for each harness (fuzz_NAME reads DIR/NAME).
set -eu
cd "$(dirname "$0")"
mkdir -p "$1"
cd "$1"
mkdir -p apply plan spec users ignore dns state

# Layers: every format and type that tar writes, whiteouts, links, a sparse file, compressed ones.
tree=$(mktemp -d)
mkdir -p "$tree/a/b" "$tree/d"
echo content > "$tree/a/b/file"
ln "$tree/a/b/file" "$tree/a/hard"
ln -s ../../outside "$tree/a/soft"
mkfifo "$tree/fifo"
: > "$tree/a/.wh.gone"
: > "$tree/d/.wh..wh..opq"
truncate -s 100k "$tree/hole"
echo end >> "$tree/hole"
for format in v7 ustar gnu pax; do tar -C "$tree" --sort=name --format=$format -cf "apply/$format.tar" . 2>/dev/null || true; done
tar -C "$tree" -S --format=gnu -cf apply/sparse-gnu.tar hole
tar -C "$tree" -S --format=pax -cf apply/sparse-pax.tar hole
tar -C "$tree" --format=pax --pax-option='SCHILY.xattr.user.a:=b,comment:=c,path:=p' -cf apply/records.tar a
tar -C "$tree" --format=gnu --transform 's,^,../,' -P -cf apply/up.tar a
rm -r "$tree"
for program in gzip bzip2 xz zstd; do command -v $program >/dev/null && $program -c < apply/pax.tar > "apply/pax.$program" || true; done

cat > plan/tree <<'END'
{"protocol":1,"verb":"pack","tree":{"kind":"layers","lower":["/a","/b"],"upper":"/c","work":"/d","volatile":true},"idmap":{"uid":[[0,1000,1],[1,100000,65536]],"gid":[[0,1000,1]]},"clampMtime":null,"out":{"fd":5},"data":"text"}
END
cat > plan/copy <<'END'
{"tree":{"kind":"dir","path":"/a"},"paths":[{"path":"/x","wildcard":true}],"exclude":[{"negate":true,"segments":[{"deep":true}]}],"dest":"/y","chown":{"user":"a","group":"7"},"chmod":"u+x","out":{"path":"/z"},"network":{"mode":"bridge","interfaces":[{"name":"eth0","bridge":{"name":"br0","addresses":["10.0.0.1/24"],"mtu":1500,"internal":false,"masquerade":true},"addresses":["10.0.0.2/24","fd00::2/64"],"mac":"02:00:00:00:00:01","gateways":["10.0.0.1"]}],"ports":[{"proto":"tcp","hostIp":"::","hostPort":80,"address":"10.0.0.2","port":80}],"dns":{"servers":["127.0.0.53"]}}}
END
cat > spec/config.json <<'END'
{"ociVersion":"1.2.0","hostname":"h","root":{"path":"r","readonly":true},"process":{"terminal":true,"consoleSize":{"height":1,"width":2},"user":{"uid":0,"gid":0,"umask":18,"additionalGids":[1]},"args":["a"],"env":["A=b"],"cwd":"/","capabilities":{"bounding":["CAP_CHOWN"],"ambient":["CAP_KILL"]},"rlimits":[{"type":"RLIMIT_NOFILE","hard":18446744073709551615,"soft":1}],"noNewPrivileges":true,"oomScoreAdj":-5,"scheduler":{"policy":"SCHED_FIFO","priority":1},"ioPriority":{"class":"IOPRIO_CLASS_IDLE","priority":1},"apparmorProfile":"p","selinuxLabel":"l"},"mounts":[{"destination":"/proc","type":"proc","source":"proc","options":["ro","nosuid","rprivate","x=y"]},{"destination":"/b","type":"bind","source":"/s","options":["rbind","idmap"],"uidMappings":[{"containerID":0,"hostID":1,"size":2}],"gidMappings":[{"containerID":0,"hostID":1,"size":2}]}],"hooks":{"prestart":[{"path":"/h","args":["h"],"env":["A=b"],"timeout":1}],"poststop":[]},"annotations":{"a":"b"},"linux":{"namespaces":[{"type":"pid"},{"type":"network","path":"/n"},{"type":"user"},{"type":"time"}],"uidMappings":[{"containerID":0,"hostID":1,"size":2}],"gidMappings":[{"containerID":0,"hostID":1,"size":2}],"timeOffsets":{"monotonic":{"secs":1,"nanosecs":2}},"devices":[{"path":"/dev/x","type":"c","major":1,"minor":2,"fileMode":438,"uid":0,"gid":0}],"cgroupsPath":"/a/b","resources":{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":5,"access":"r"}],"memory":{"limit":1,"swap":2,"reservation":1,"disableOOMKiller":true},"cpu":{"shares":1,"quota":2,"period":3,"cpus":"0-1,3","mems":"0","burst":1,"idle":1},"pids":{"limit":3},"blockIO":{"weight":10,"weightDevice":[{"major":1,"minor":2,"weight":3}],"throttleReadBpsDevice":[{"major":1,"minor":2,"rate":3}]},"hugepageLimits":[{"pageSize":"2MB","limit":1}],"network":{"classID":1,"priorities":[{"name":"a","priority":1}]},"rdma":{"m":{"hcaHandles":1,"hcaObjects":2}},"unified":{"memory.high":"1"}},"sysctl":{"net.ipv4.ip_forward":"1"},"seccomp":{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86"],"flags":["SECCOMP_FILTER_FLAG_LOG"],"listenerPath":"/l","syscalls":[{"names":["read","clone"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":2114060288,"valueTwo":1,"op":"SCMP_CMP_MASKED_EQ"}]},{"names":["ptrace"],"action":"SCMP_ACT_NOTIFY"}]},"rootfsPropagation":"rslave","maskedPaths":["/proc/kcore"],"readonlyPaths":["/proc/sys"],"mountLabel":"m","personality":{"domain":"LINUX32"}}}
END
printf 'root:x:0:0:root:/root:/bin/sh\na:x:1000:1000::/home/a:/bin/sh\nbroken\nb:x:x:1::\n\0root:x:0:\na:x:1000:a,root\nbig:x:4294967295:\n' > users/usual
cat > ignore/list <<'END'
{"path":"a/b.txt","ignore":{"patterns":[{"negate":false,"segments":["**",[["star"],["lit",".txt"]]]},{"negate":true,"segments":[[["any"],["class",true,[[97,122]]]],[["lit","c"]]]}]}}
END
# a question for the address of "name.example", with an OPT record
printf '\022\064\001\000\000\001\000\000\000\000\000\001\004name\007example\000\000\001\000\001\000\000\051\020\000\000\000\000\000\000\000' > dns/a
printf '\022\064\001\000\000\001\000\000\000\000\000\000\0012\0013\0014\0015\007in-addr\004arpa\000\000\014\000\001' > dns/ptr
cat > state/state.json <<'END'
{"id":"a","bundle":"/b","rootfs":"/r","created":"2026-01-01T00:00:00Z","owner":"root","pid":1,"pidStart":"7","cgroup":[{"unified":true,"controllers":"","mountpoint":"/sys/fs/cgroup","directory":"/sys/fs/cgroup/none"}],"external":{"path":"/p","root":"/r"}}
END
