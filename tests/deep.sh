#!/usr/bin/env bash
# The checks that need more than a compiler: fuzzing, Clang, RealtimeSanitizer, emulated processors. `make deep` runs all of
# them and prints what passed, what failed and what could not run; `tests/deep.sh STAGE` runs one.
# DEEP_SECONDS (480) bounds all of it, FUZZ_SECONDS (60) the fuzzing. Debian packages are installed where apt-get and root are.
# Only what a check finds is a failure. What this machine lacks (a package, the network, root, time, memory) is printed.
set -uo pipefail
cd "$(dirname "$0")/.."
. tests/deep/machine.sh
budget=${DEEP_SECONDS:-480}
fuzz_seconds=${FUZZ_SECONDS:-60}
logs=build/deep
mkdir -p $logs
CLANG=$(newest_clang)
export CLANG

# --- stages: each fails when its check does, and leaves with `cannot` when this machine cannot do it

packages() {
    [ -n "$(missing)" ] || { echo "everything is there" && exit 76; }
    command -v apt-get >/dev/null || cannot "no apt-get; missing: $(missing)"
    [ "$(id -u)" -eq 0 ] || cannot "needs root; missing: $(missing)"
    install_packages
    [ -z "$(missing)" ] || cannot "apt-get did not bring: $(missing)"
}

realtime() {
    need_clang 20
    probe "$CLANG" -fsanitize=realtime
    cmake --preset rtsan -DCMAKE_CXX_COMPILER="$CLANG" && cmake --build --preset rtsan --target realtime || return 1
    build/rtsan/tests/cpp/realtime || return 1
    if build/rtsan/tests/cpp/realtime --control; then
        echo "RealtimeSanitizer did not find an allocation that is there"
        return 1
    fi
}

coverage() {
    need_clang 19
    local tool
    for tool in llvm-profdata llvm-cov; do
        [ -n "$(llvm_tool $tool)" ] || cannot "no $tool that belongs to $CLANG"
    done
    probe "$CLANG" -fprofile-instr-generate -fcoverage-mapping
    PROFDATA=$(llvm_tool llvm-profdata) COV=$(llvm_tool llvm-cov) tests/fuzz/coverage.sh 95
}

fuzz() {
    need_clang 19
    # Deep stack traces of every allocation would cost half of the executions.
    export ASAN_OPTIONS=malloc_context_size=1:detect_stack_use_after_return=0:quarantine_size_mb=16
    probe "$CLANG" -DPROBE_FUZZER -fsanitize=address,undefined,fuzzer
    cmake --preset fuzz -DCMAKE_CXX_COMPILER="$CLANG" && cmake --build --preset fuzz --target fuzz_problem_file || return 1
    local left=$(($(seconds_left) - 15))
    [ $left -gt 5 ] || cannot "the fuzzer is built, but no time is left"
    mkdir -p $logs/corpus $logs/findings
    $(steady) build/fuzz/tests/cpp/fuzz/fuzz_problem_file -max_total_time=$((left < fuzz_seconds ? left : fuzz_seconds)) \
        -max_len=16384 -timeout=30 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix=$logs/findings/ \
        $logs/corpus tests/fuzz/corpus
}

clang() { # every C++ test, the committed plan among them, compiled by the other compiler
    need_clang 19
    probe "$CLANG" -O3
    rm -f build/clang/complete
    cmake --preset release -B build/clang -DCMAKE_CXX_COMPILER="$CLANG" && cmake --build build/clang || return 1
    touch build/clang/complete
    ctest --test-dir build/clang --output-on-failure
}

# An emulator has no filter of system calls: the test that uses one is left out.
no_avx() { # a processor of 2008: the programs must choose the baseline, and have no AVX elsewhere
    [ "$(uname -m)" = x86_64 ] || cannot "this is no x86-64"
    [ -e build/clang/complete ] || cannot "needs the programs of stage clang"
    need qemu-x86_64
    probe "$CLANG" -O3 -- qemu-x86_64 -cpu Nehalem
    python3 tests/deep/run_under.py build/clang --only-isa baseline --skip system_calls -- qemu-x86_64 -cpu Nehalem
}

aarch64() { # the committed plan and the kernels: what another processor could change
    build_aarch64 --target test_golden test_operations test_noise && run_aarch64
}
aarch64_all() { build_aarch64 && run_aarch64; }

build_aarch64() { # build_aarch64 TARGETS...
    local compiler=aarch64-linux-gnu-g++
    need $compiler qemu-aarch64
    probe $compiler -O3 -- "${on_aarch64[@]}"
    cmake --preset release -B build/aarch64 -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
        -DCMAKE_CXX_COMPILER=$compiler && cmake --build build/aarch64 "$@"
}
run_aarch64() { python3 tests/deep/run_under.py build/aarch64 --skip system_calls -- "${on_aarch64[@]}"; }
on_aarch64=(qemu-aarch64 -L /usr/aarch64-linux-gnu)

if [ $# -gt 0 ]; then
    "$1"
    exit
fi

# --- all of them, those that find most for their time first

results=()
failed=0
DEEP_END=$(($(date +%s) + budget))
export DEEP_END

run_stage() { # run_stage NAME: adds its line to the results
    local stage=$1 log=$logs/$1.log begin=$SECONDS left status word="could not run" note
    left=$(seconds_left)
    if [ "$left" -le 30 ]; then
        status=77
        echo "none of the $budget seconds is left" >"$log"
    elif [ "$stage" = packages ]; then # bounds its downloads itself; dpkg is not to be stopped half way
        "$0" packages >"$log" 2>&1 </dev/null
        status=$?
    else
        echo "deep: $stage"
        timeout -k 10 "$left" "$0" "$stage" >"$log" 2>&1 </dev/null
        status=$?
    fi
    note=$(tail -1 "$log")
    case $status in
        0) word=passed note= ;;
        76) word="not needed" ;;
        77) ;;
        *)
            if { [ $status -eq 124 ] || [ $status -eq 137 ]; } && ! grep -q -E '^FAILED|\*\*\*(Failed|Exception)' "$log"; then
                note="not done when the $budget seconds were over; $(grep -c -E '^passed| Passed ' "$log") tests had passed"
            elif gave_out "$log"; then
                note="the machine ran out of memory or disk, see $log"
            else
                failed=1 word=FAILED note="see $log"
                tail -60 "$log"
            fi
            ;;
    esac
    results+=("$(printf '%-11s %-13s %4d s  %s' "$stage" "$word" $((SECONDS - begin)) "$note")")
}

for stage in packages realtime coverage fuzz aarch64 clang no_avx aarch64_all; do
    run_stage $stage
    [ $stage = packages ] && CLANG=$(newest_clang) # what it brought
done
echo
printf '%s\n' "${results[@]}"
cd $logs
grep -H -E '^(skipped|too slow|emulator)' no_avx.log aarch64.log aarch64_all.log 2>/dev/null
grep -h -E 'number_of_executed_units|branch coverage of the loader' fuzz.log coverage.log 2>/dev/null
exit $failed
