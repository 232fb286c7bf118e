#!/usr/bin/env bash
# smoke.sh BIN-DIRECTORY [SECONDS]: each fuzz target for a few seconds, from its corpus where it has one.
set -euo pipefail
bin=$(cd "$1" && pwd)
seconds=${2:-5}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0
for target in "$bin"/fuzz_*; do
    [ -x "$target" ] || continue
    name=$(basename "$target")
    echo "== $name"
    corpus=("$work/$name")
    mkdir -p "${corpus[0]}"
    if [ -d "$here/corpus/$name" ]; then corpus+=("$here/corpus/$name"); fi
    (cd "$work" && "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1 \
        "${corpus[@]}" 2>&1 | tail -n 30)
    count=$((count + 1))
done
echo "$count fuzz targets ran"
[ "$count" -gt 0 ]
