#!/usr/bin/env bash
# The checks that need more than a compiler: fuzzing, Clang, RealtimeSanitizer, emulated processors. `make deep` runs all of
# them and prints what passed, what failed and what could not run; `tests/deep.sh STAGE` runs one.
# DEEP_SECONDS (480) bounds all of it, FUZZ_SECONDS (60) the fuzzing. Debian packages are installed where apt-get and root are.
set -uo pipefail
cd "$(dirname "$0")/.."
budget=${DEEP_SECONDS:-480}
fuzz_seconds=${FUZZ_SECONDS:-60}
logs=build/deep
mkdir -p $logs

newest_clang() {
    local version
    for version in 24 23 22 21 20 19 18 17 16 15 14; do
        command -v clang++-$version && return
    done
    command -v clang++
}
CLANG=$(newest_clang)
export CLANG=${CLANG##*/}
clang_version() { [ -n "$CLANG" ] && "$CLANG" -dumpversion | cut -d. -f1; }
nonzero() { [ "$1" -gt 0 ] 2>/dev/null; }

# --- stages: each is a function that fails when its check does

packages() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    local version
    for version in 22 21 20 19; do # RealtimeSanitizer came with 20
        apt-get install -y -qq --no-install-recommends clang-$version libclang-rt-$version-dev llvm-$version && break
    done
    apt-get install -y -qq --no-install-recommends qemu-user
    apt-get install -y -qq --no-install-recommends g++-aarch64-linux-gnu
}

clang() { # every C++ test, the committed plan among them, compiled by the other compiler
    cmake --preset release -B build/clang -DCMAKE_CXX_COMPILER="$CLANG" && cmake --build build/clang &&
        ctest --test-dir build/clang --output-on-failure
}

coverage() { tests/fuzz/coverage.sh 95; }

fuzz() {
    cmake --preset fuzz -DCMAKE_CXX_COMPILER="$CLANG" && cmake --build --preset fuzz --target fuzz_problem_file || return 1
    mkdir -p $logs/corpus $logs/findings
    # Deep stack traces of every allocation would cost half of the executions.
    ASAN_OPTIONS=malloc_context_size=1:detect_stack_use_after_return=0:quarantine_size_mb=16 \
        build/fuzz/tests/cpp/fuzz/fuzz_problem_file -max_total_time="$fuzz_seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix=$logs/findings/ $logs/corpus tests/fuzz/corpus
}

realtime() {
    cmake --preset rtsan -DCMAKE_CXX_COMPILER="$CLANG" && cmake --build --preset rtsan --target realtime || return 1
    build/rtsan/tests/cpp/realtime || return 1
    if build/rtsan/tests/cpp/realtime --control; then
        echo "RealtimeSanitizer did not find an allocation that is there"
        return 1
    fi
}

# An emulator has no filter of system calls: the test that uses one is left out.
no_avx() { # a processor of 2008: the programs must choose the baseline, and have no AVX elsewhere
    python3 tests/deep/run_under.py build/clang --only-isa baseline --skip system_calls -- qemu-x86_64 -cpu Nehalem
}

aarch64() {
    cmake --preset release -B build/aarch64 -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
        -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ && cmake --build build/aarch64 &&
        python3 tests/deep/run_under.py build/aarch64 --skip system_calls -- qemu-aarch64 -L /usr/aarch64-linux-gnu
}

# --- what a stage needs: prints why it cannot run, or nothing

need() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || echo "no $tool"
    done
}
why_not() {
    case $1 in
        packages)
            if [ -n "$CLANG" ] && [ -z "$(need qemu-x86_64 qemu-aarch64 aarch64-linux-gnu-g++)" ]; then
                echo "everything is there"
            elif ! command -v apt-get >/dev/null; then
                echo "no apt-get"
            elif [ "$(id -u)" -ne 0 ]; then
                echo "needs root"
            fi
            ;;
        clang | fuzz) [ -n "$CLANG" ] || echo "no clang++" ;;
        coverage) [ -n "$CLANG" ] && need "llvm-cov${CLANG##clang++}" || echo "no clang++" ;;
        realtime) nonzero "$(($(clang_version || echo 0) - 19))" || echo "no clang++ of at least version 20" ;;
        no_avx) [ -x build/clang/tests/cpp/test_file ] && need qemu-x86_64 || echo "needs the programs of stage clang" ;;
        aarch64) need qemu-aarch64 aarch64-linux-gnu-g++ ;;
    esac | head -1
}

if [ $# -gt 0 ]; then
    "$1"
    exit
fi

results=()
failed=0
for stage in packages clang no_avx realtime coverage fuzz aarch64; do
    [ "$stage" = packages ] || { CLANG=$(newest_clang) && export CLANG=${CLANG##*/}; }
    left=$((budget - SECONDS)) reason=$(why_not $stage) begin=$SECONDS
    [ -n "$reason" ] || [ $left -gt 10 ] || reason="none of the $budget seconds is left"
    if [ "$stage" = packages ] && [ "$reason" = "everything is there" ]; then
        results+=("$(printf '%-10s not needed     %s' $stage "$reason")")
        continue
    elif [ -n "$reason" ]; then
        results+=("$(printf '%-10s could not run  %s' $stage "$reason")")
        continue
    fi
    echo "deep: $stage"
    timeout $left "$0" $stage >$logs/$stage.log 2>&1
    status=$?
    took=$((SECONDS - begin))
    case $status in
        0) results+=("$(printf '%-10s passed         %d s' $stage $took)") ;;
        124) results+=("$(printf '%-10s could not run  not done when the %d seconds were over' $stage "$budget")") ;;
        *)
            failed=1
            tail -40 $logs/$stage.log
            results+=("$(printf '%-10s FAILED         %d s, see %s' $stage $took $logs/$stage.log)")
            ;;
    esac
done
echo
printf '%s\n' "${results[@]}"
grep -H -E "^(skipped|too slow)" $logs/no_avx.log $logs/aarch64.log 2>/dev/null | sed "s|^$logs/||"
grep -h -E "number_of_executed_units|branch coverage of the loader" $logs/fuzz.log $logs/coverage.log 2>/dev/null
exit $failed
