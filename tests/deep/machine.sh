# shellcheck shell=bash
# What this machine has, for tests/deep.sh: compilers, packages, time. `cannot` leaves a stage that is no failure.

cannot() {
    echo "$*" | tr '\n' ' ' | cut -c -200
    exit 77
}

need() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || cannot "no $tool"
    done
}

newest_clang() {
    local version
    for version in 24 23 22 21 20 19; do
        command -v clang++-$version >/dev/null && echo clang++-$version && return
    done
    command -v clang++ >/dev/null && echo clang++
}

clang_version() { # 0 where there is none
    local version
    version=$([ -n "$CLANG" ] && "$CLANG" -dumpversion 2>/dev/null | cut -d. -f1)
    [ "$version" -gt 0 ] 2>/dev/null && echo "$version" || echo 0
}

need_clang() { # need_clang LEAST_VERSION
    [ -n "$CLANG" ] || cannot "no clang++"
    [ "$(clang_version)" -ge "$1" ] || cannot "$CLANG is version $(clang_version), this needs $1"
}

llvm_tool() { # the tool of the same version as the compiler: each reads only its own files
    local path
    path=$("$CLANG" -print-prog-name="$1")
    case $path in
        /*) echo "$path" ;;
        *) [ "$CLANG" != clang++ ] && command -v "$1${CLANG#clang++}" ;;
    esac
}

seconds_left() { echo $((${DEEP_END:-9999999999} - $(date +%s))); }

# A random address space of more bits than the sanitizer knows (vm.mmap_rnd_bits) ends it at the start, now and then.
steady() { setarch "$(uname -m)" -R true 2>/dev/null && echo setarch "$(uname -m)" -R; }

# probe COMPILER FLAGS... [-- EMULATOR...]: leaves the stage when the simplest program does not build or run.
probe() {
    local flags=() said=$logs/probe.txt program=$logs/probe arguments=() i
    rm -f "$program" "$said"
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        [ "$1" = -DPROBE_FUZZER ] && arguments=(-runs=10)
        flags+=("$1") && shift
    done
    [ $# -eq 0 ] || shift
    "${flags[@]}" -std=c++20 -pthread tests/deep/probe.cpp -o "$program" >"$said" 2>&1 ||
        cannot "the simplest program does not build with ${flags[*]}: $(grep -m1 -i -E 'error|cannot' "$said")"
    for i in 1 2 3; do
        LLVM_PROFILE_FILE=$program.profraw timeout 60 $(steady) "$@" "$program" "${arguments[@]}" >"$said" 2>&1 ||
            cannot "the simplest program does not run with ${flags[*]} $*: $(grep -m1 -v '^INFO' "$said")"
    done
}

gave_out() { # of memory or disk, by the compiler's or the system's words
    grep -q -E 'Killed signal terminated program|unable to execute command: Killed|virtual memory exhausted|No space left on device' "$1"
}

missing() { # the Debian packages that the stages want and this machine has not
    [ "$(clang_version)" -ge 20 ] && [ -n "$(llvm_tool llvm-cov)" ] || echo "clang>=20"
    command -v qemu-x86_64 >/dev/null && command -v qemu-aarch64 >/dev/null || echo qemu-user
    command -v aarch64-linux-gnu-g++ >/dev/null || echo g++-aarch64-linux-gnu
}

install_packages() { # with bounds on the network: 90 s for the lists, 120 s for each download
    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
    local apt=(apt-get -qq -o DPkg::Lock::Timeout=30 -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20)
    timeout -k 5 90 "${apt[@]}" update || echo "apt-get update did not work"
    local package version
    for package in $(missing); do
        if [ "$package" = "clang>=20" ]; then
            for version in 22 21 20 19; do # RealtimeSanitizer came with 20; older ones than 19 have not been tried
                apt-cache show clang-$version 2>/dev/null | grep -q . && break
            done
            install clang-$version libclang-rt-$version-dev llvm-$version
        else
            install "$package"
        fi
    done
    CLANG=$(newest_clang)
}

install() { # fetches first: what is stopped for being slow has changed nothing
    local options=(-y --no-install-recommends) left
    left=$(($(seconds_left) - 60))
    [ $left -gt 0 ] && timeout -k 5 $((left < 120 ? left : 120)) "${apt[@]}" install "${options[@]}" --download-only "$@" &&
        "${apt[@]}" install "${options[@]}" "$@"
}
