#!/bin/sh
# BLAKE3 for the native core. Debian 13 and Ubuntu 24.04 have it as libblake3-dev; Debian 12 has only the C sources, inside a package of Rust
# sources, which are unpacked into .cache/blake3 (nothing is installed). Does nothing when either is there.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cache=$root/.cache/blake3

[ -e "$cache/blake3.c" ] && exit 0
printf '#include <blake3.h>\nint main(void) { return 0; }\n' | "${CC:-gcc}" -x c - -lblake3 -o /dev/null 2>/dev/null && exit 0

if apt-cache show libblake3-dev >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libblake3-dev >/dev/null
  exit 0
fi

mkdir -p "$root/.cache"
scratch=$(mktemp -d "$root/.cache/blake3.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch" # apt-get download runs as _apt
(cd "$scratch" && apt-get download librust-blake3-dev >/dev/null 2>&1) || {
  echo "setup: BLAKE3 was not found: install libblake3-dev, or librust-blake3-dev must be downloadable by apt-get" >&2
  exit 1
}
dpkg -x "$scratch"/librust-blake3-dev_*.deb "$scratch/unpacked"
sources=$(echo "$scratch"/unpacked/usr/share/cargo/registry/blake3-*/c)
mkdir "$scratch/c"
cp "$sources"/*.h "$sources"/blake3.c "$sources"/blake3_dispatch.c "$sources"/blake3_portable.c "$sources"/blake3_neon.c "$sources"/*_unix.S "$scratch/c/"
rm -rf "$cache"
mv "$scratch/c" "$cache"
