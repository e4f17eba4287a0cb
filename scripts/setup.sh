#!/bin/sh
# Everything that a clone needs before it can be built, run and tested: packages of the distribution, node modules, the native core, the
# example's jar and stand-ins for its base images. Says what it does, does only what is missing, and may be run again at any time.
set -eu
home=$(cd "$(dirname "$0")/.." && pwd)
cd "$home"
say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

[ "$(uname -s)" = Linux ] || die "tsbuild needs Linux"
command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || die "the set-up knows Debian and Ubuntu; CONTRIBUTING.md lists what to install elsewhere"

# Compiler and libraries of the native core; then what tests and quickstart run: a registry, firewall and network tools, a JDK and busybox.
packages='gcc make libc6-dev pkg-config libseccomp-dev libjansson-dev zlib1g-dev libdeflate-dev libzstd-dev liblzma-dev libbz2-dev libssl-dev
  docker-registry nftables iproute2 curl git ca-certificates default-jdk-headless busybox-static uidmap passt slirp4netns attr libcap2-bin xz-utils bzip2 zstd'
# shellcheck disable=SC2086 # a list of words
present=$(dpkg-query -W -f='${Status} ${Package}\n' $packages 2>/dev/null | sed -n 's/^install ok installed //p')
missing=
for package in $packages; do
  printf '%s\n' "$present" | grep -qx "$package" || missing="$missing $package"
done
if [ -n "$missing" ]; then
  if [ "$(id -u)" = 0 ]; then as_root=; elif command -v sudo >/dev/null; then as_root=sudo; else
    die "these packages are missing, and installing them takes root or sudo:$missing"
  fi
  say "installing packages of the distribution:$missing"
  had_registry=$(command -v docker-registry || true)
  $as_root apt-get update -qq
  # shellcheck disable=SC2086
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
  # The package starts a registry on port 5000; here it is only a program that tests start on ports of their own.
  if [ -z "$had_registry" ] && [ -d /run/systemd/system ]; then
    say "switching off the docker-registry service that its package has just started"
    $as_root systemctl disable --now docker-registry >/dev/null 2>&1 || true
  fi
fi

case $(uname -m) in x86_64) arch=x64 ;; aarch64 | arm64) arch=arm64 ;; *) die "tsbuild is made for x86-64 and arm64, this is $(uname -m)" ;; esac
node=node_modules/node-linux-$arch/bin/node
if [ ! -x "$node" ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  command -v npm >/dev/null || die "npm is missing: install Node 20 or newer with npm"
  say "installing node modules, the pinned Node among them (npm ci)"
  npm ci --no-audit --no-fund --loglevel=error >&2
  touch node_modules/.package-lock.json
fi

sh scripts/setup-blake3.sh
say "building the native core"
make -s -C native -j "$(nproc)"

if [ -n "$(find fixtures/basic-img/src -newer fixtures/basic-img/target/app-in-host.jar 2>/dev/null || echo first)" ]; then
  say "compiling the example's jar (javac --release 8)"
  sh scripts/build-jar.sh
fi

sh scripts/run.sh scripts/stand-ins/main.ts
say "ready"
