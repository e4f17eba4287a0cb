#!/bin/sh
# From a bare clone to a running image: all set-up, then scripts/quickstart.ts. Containers with networks of their own take root.
set -eu
home=$(cd "$(dirname "$0")/.." && pwd)
cd "$home"
sh scripts/setup.sh
sh scripts/run.sh scripts/build.ts
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "quickstart: run it as root, or install sudo" >&2; exit 1; }
  echo "quickstart: the containers run as root; sudo may ask for your password" >&2
  exec sudo sh scripts/run.sh scripts/quickstart.ts "$@"
fi
exec sh scripts/run.sh scripts/quickstart.ts "$@"
