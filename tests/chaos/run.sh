#!/usr/bin/env bash
# Every fault of tests/chaos under more load and for longer than in ./test.sh, against the programs of build/debug or of
# TRUNKLINE_BIN; what was measured comes out as lines of JSON. Arguments are names of files: `run.sh links proxies`.
set -euo pipefail
cd "$(dirname "$0")"
export TRUNKLINE_CHAOS=long
export TRUNKLINE_BIN=${TRUNKLINE_BIN:-$PWD/../../build/debug/bin}
export TRUNKLINE_TEST_OUTPUT=${TRUNKLINE_TEST_OUTPUT:-$TRUNKLINE_BIN/../chaos}

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for file in test_*.py; do
        name=${file#test_}
        names+=("${name%.py}")
    done
fi

failed=()
for name in "${names[@]}"; do
    echo "--- $name" >&2
    /usr/bin/python3 -B "test_$name.py" || failed+=("$name")
done
if [ ${#failed[@]} -gt 0 ]; then
    echo "failed: ${failed[*]}" >&2
    exit 1
fi
