#!/bin/sh
# All set-up and the bundle, which is what the tests at the command line run, then the tests: test.sh [VITEST ARGUMENT...]. Ends with the line "N passed, M failed"; the exit status is vitest's.
set -eu
home=$(cd "$(dirname "$0")/.." && pwd)
cd "$home"
sh scripts/setup.sh
make -s -C native test
sh scripts/run.sh scripts/build.ts
exec sh scripts/run.sh node_modules/vitest/vitest.mjs run --reporter=default --reporter=./scripts/vitest-summary.ts "$@"
