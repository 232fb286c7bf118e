#!/usr/bin/env bash
# Installs what is missing, builds everything and runs every test, as one ctest whose closing lines come last.
# Arguments go to that ctest, e.g. `./test.sh -R ledger`.
set -euo pipefail
cd "$(dirname "$0")"
. deploy/debian-packages.sh

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
build debug all
configure asan
build asan sanitized
configure tsan
build tsan sanitized
configure fuzz
build fuzz all

step "testing"
exec ctest --test-dir build/debug --output-on-failure --no-tests=error -j2 "$@"
