#!/usr/bin/env bash
# Installs what is missing, builds everything and runs every test, as one ctest whose closing lines come last.
# `--quick` builds and runs only what a change needs first: the unit and integration tests, without sanitizers.
# Other arguments go to that ctest, e.g. `./test.sh -R ledger`.
set -euo pipefail
cd "$(dirname "$0")"
. deploy/debian-packages.sh

which=whole
arguments=()
for argument in "$@"; do
    if [ "$argument" = --quick ]; then which=quick; else arguments+=("$argument"); fi
done

npm_packages=()
command -v node >/dev/null || npm_packages+=(nodejs)
command -v npm >/dev/null || npm_packages+=(npm)
install_packages "${packages_to_build[@]}" "${packages_to_test[@]}" "${npm_packages[@]}"

for tests in tests/integration tests/load; do
    modules=$tests/node_modules
    if [ $tests/package-lock.json -nt $modules/.package-lock.json ]; then
        step "installing npm packages into $modules"
        npm ci --prefix $tests --no-audit --no-fund --loglevel=error >/dev/null
        touch $modules/.package-lock.json
    fi
done

configure debug -DTRUNKLINE_WHOLE_CTEST=ON
if [ $which = quick ]; then
    build debug unit_programs integration_programs
    arguments=(-L '^(unit|integration)$' "${arguments[@]}")
else
    build debug all
    configure asan
    build asan sanitized
    configure tsan
    build tsan sanitized
    configure fuzz
    build fuzz all
fi

step "testing"
exec ctest --test-dir build/debug --output-on-failure --no-tests=error -j2 "${arguments[@]}"
