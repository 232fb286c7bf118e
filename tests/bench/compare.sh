#!/usr/bin/env bash
# Compares trunkline with nginx and HAProxy, some twenty minutes, and writes docs/benchmarks.md; with --linger first,
# trunkline at several values of `linger` with nginx. Installs and builds what is missing, unless TRUNKLINE_BIN names a
# directory of programs. More with --help.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/debian-packages.sh

if [ -z "${TRUNKLINE_BIN:-}" ]; then
    install_packages "${packages_to_build[@]}" "${packages_to_test[@]}"
    configure release -DTRUNKLINE_BUILD_TESTS=ON
    build release trunkline trunkline-load trunkline-load-app bare_echo
    export TRUNKLINE_BIN=$PWD/build/release/bin
fi
ulimit -n "$(ulimit -Hn)"
program=compare.py
if [ "${1:-}" = --linger ]; then
    program=linger.py
    shift
fi
exec /usr/bin/python3 "tests/bench/$program" "$@"
