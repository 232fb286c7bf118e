#!/usr/bin/env bash
# Builds a release and runs the demo: one proxy on port 8080 (or the one given as argument), and behind it two app
# servers, chat and echo, each over a Unix socket. Ctrl-C stops all of it and leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")"
. deploy/debian-packages.sh
port=${1:-8080}
admin_port=${TRUNKLINE_DEMO_ADMIN_PORT:-9090}

# TRUNKLINE_DEMO_BIN: programs that are built already (the test of this demo).
bin=${TRUNKLINE_DEMO_BIN:-}
if [ -z "$bin" ]; then
    bin=build/release/bin
    install_packages "${packages_to_build[@]}"
    configure release
    build release trunkline trunkline-example-chat trunkline-example-echo trunkline-example-broadcast
fi

for taken in "$port" "$admin_port"; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$taken") 2>/dev/null; then
        die "port $taken is taken on this machine. Another demo? (./run.sh PORT chooses another port, TRUNKLINE_DEMO_ADMIN_PORT=N another admin port)"
    fi
done

dir=$(mktemp -d "${TMPDIR:-/tmp}/trunkline-demo.XXXXXX")
pids=()
stop() {
    trap '' INT TERM HUP
    trap - EXIT
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    # The proxy drains for a second; whoever is still there after five is ended.
    for _ in $(seq 50); do
        kill -0 "${pids[@]}" 2>/dev/null || break
        sleep 0.1
    done
    for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap 'stop' EXIT
trap 'echo; step "stopping"; stop; exit 0' INT TERM HUP

step "starting the app servers and the proxy"
# Each in a process group of its own: Ctrl-C comes here alone, and one signal drains where a second would end at once.
set -m
"$bin"/trunkline-example-chat --listen "unix://$dir/chat.sock" &
pids+=($!)
"$bin"/trunkline-example-echo --listen "unix://$dir/echo.sock" &
pids+=($!)
"$bin"/trunkline run --config examples/demo.yaml \
    --set "listeners.0.address=127.0.0.1:$port" --set "admin.address=127.0.0.1:$admin_port" \
    --set "upstreams.chat.app_servers.0=unix://$dir/chat.sock" \
    --set "upstreams.echo.app_servers.0=unix://$dir/echo.sock" &
pids+=($!)
set +m

ready() { (exec 3<>"/dev/tcp/127.0.0.1/$admin_port" && printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3 && head -n1 <&3 | grep -q ' 200') 2>/dev/null; }
for _ in $(seq 100); do
    if ready; then break; fi
    for pid in "${pids[@]}"; do
        kill -0 "$pid" 2>/dev/null || die "one of the programs ended; what it said is above"
    done
    sleep 0.1
done
ready || die "the proxy did not get ready within 10 s; http://127.0.0.1:$admin_port/readyz says why"

cat <<END

  The chat:      http://127.0.0.1:$port/     open it in two tabs and let them talk
  An echo:       ws://127.0.0.1:$port/echo   in the console of that page, for example:
                 s = new WebSocket("ws://" + location.host + "/echo"); s.onmessage = m => console.log(m.data)
                 s.send("hello")
  Is it ready:   http://127.0.0.1:$admin_port/readyz
  Its metrics:   http://127.0.0.1:$admin_port/metrics

  Ctrl-C stops all of it.

END
# Whichever of the three ends first ends the demo.
wait -n "${pids[@]}" || true
die "one of the programs ended; what it said is above"
