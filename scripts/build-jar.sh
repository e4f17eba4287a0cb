#!/bin/sh
# Compiles fixtures/basic-img for Java 8: the jar is made where the Dockerfile's COPY looks for it.
set -eu
cd "$(dirname "$0")/../fixtures/basic-img"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
javac --release 8 -Xlint:all,-options -Werror -d "$scratch" src/EchoIp.java
mkdir -p target
jar cfe target/app-in-host.jar.new EchoIp -C "$scratch" .
mv target/app-in-host.jar.new target/app-in-host.jar
