#!/bin/sh
# Runs a TypeScript program of the project on the Node it is pinned to: run.sh FILE [ARGUMENT...]
home=$(cd "$(dirname "$0")/.." && pwd)
case $(uname -m) in
  x86_64) arch=x64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) echo "run: tsbuild is made for x86-64 and arm64, this is $(uname -m)" >&2; exit 1 ;;
esac
PATH=$home/node_modules/node-linux-$arch/bin:$home/node_modules/.bin:$PATH
export PATH
[ -x "$home/node_modules/node-linux-$arch/bin/node" ] || { echo "run: the pinned Node is missing: npm run setup" >&2; exit 1; }
exec node --disable-warning=ExperimentalWarning --conditions=tsbuild-source "$@"
