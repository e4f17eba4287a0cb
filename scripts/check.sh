#!/bin/sh
# The gate before tests: every check runs, the failed ones are named at the end.
set -u
home=$(cd "$(dirname "$0")/.." && pwd)
cd "$home"
sh scripts/setup.sh || exit 1
failed=
gate() {
  name=$1
  shift
  printf 'check: %s\n' "$name" >&2
  "$@" || failed="$failed $name"
}
run() { sh scripts/run.sh "$@"; }
vitest() { run node_modules/vitest/vitest.mjs run --reporter=dot "$@"; }

gate lint run node_modules/oxlint/bin/oxlint --deny-warnings
gate types run node_modules/typescript/bin/tsc -p .
gate format run node_modules/oxfmt/bin/oxfmt --check
gate architecture vitest test/architecture.test.ts
gate native make -s -C native lint
gate unused run node_modules/knip/bin/knip.js
gate documents run scripts/documents.ts --check
[ -z "$failed" ] || { printf 'check: failed:%s\n' "$failed" >&2; exit 1; }
printf 'check: all passed\n' >&2
