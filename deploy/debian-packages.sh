# Sourced by run.sh and test.sh: what they need from Debian, and how it gets there.

packages_to_build=(g++ cmake ninja-build ccache libboost-dev libmsgpack-cxx-dev libspdlog-dev libcli11-dev
    libyaml-cpp-dev libssl-dev nlohmann-json3-dev prometheus-cpp-dev)
packages_to_test=(catch2 clang-14 libclang-rt-14-dev python3 python3-websockets nginx haproxy chromium python3-matplotlib)

# What one clone has compiled serves the next one, wherever it lies.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=true

step() { printf '==> %s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# install_packages NAME...: installs those that are missing, and says which. Asks for sudo only where there are any.
install_packages() {
    local missing=() sudo=()
    local installed
    installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null | sed -n 's/ installed$//p') || true
    for name in "$@"; do
        grep -qxF "$name" <<<"$installed" || missing+=("$name")
    done
    if [ ${#missing[@]} -eq 0 ]; then return; fi
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "these Debian packages are missing, and there is no sudo: ${missing[*]}"
        sudo=(sudo)
    fi
    step "installing Debian packages: ${missing[*]}"
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# configure PRESET [CMAKE-ARGUMENT...]: only where something changed since the last time.
configure() {
    local preset=$1 log
    shift
    mkdir -p "build/$preset"
    log="build/$preset/configure.log"
    if [ ! -f "build/$preset/build.ninja" ] || [ "$(cat "build/$preset/configured-with" 2>/dev/null)" != "$*" ]; then
        step "configuring $preset"
        cmake --preset "$preset" "$@" >"$log" 2>&1 || { cat "$log" >&2; die "cmake failed"; }
        printf '%s\n' "$*" >"build/$preset/configured-with"
    fi
}

# build PRESET TARGET...: says how far it is, and of all that the compilers say only what was wrong.
build() {
    local preset=$1 log
    shift
    log="build/$preset/build.log"
    cmake --build --preset "$preset" --target "$@" 2>&1 | tee "$log" | show_progress "building $preset" ||
        { grep -vE '^\[[0-9]+/[0-9]+\] ' "$log" >&2; die "the build failed; all of it: $log"; }
}

# show_progress WHAT: reads ninja's lines. One line that is written anew on a terminal, else one every few seconds.
progress_seconds=10
show_progress() {
    local what=$1 line done next=$((SECONDS + progress_seconds))
    if [ -t 1 ]; then printf '==> %s' "$what"; else step "$what"; fi
    while IFS= read -r line; do
        [[ $line =~ ^\[([0-9]+)/([0-9]+)\]\  ]] || continue
        done="${BASH_REMATCH[1]} of ${BASH_REMATCH[2]} done"
        if [ -t 1 ]; then
            printf '\r\e[K==> %s: %s' "$what" "$done"
        elif [ $SECONDS -ge $next ]; then
            step "$what: $done"
            next=$((SECONDS + progress_seconds))
        fi
    done
    if [ -t 1 ]; then echo; fi
}
