#!/usr/bin/env bash
# Runs clang-tidy on what the fuzz preset compiles: protocol, config and the pure files of proxy.
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset fuzz >/dev/null
files=$(python3 - <<'END'
import json
for entry in json.load(open("build/fuzz/compile_commands.json")):
    if "/tests/" not in entry["file"]:
        print(entry["file"])
END
)
printf '%s\n' $files | xargs -P "$(nproc)" -n 4 clang-tidy -p build/fuzz --quiet "$@"
