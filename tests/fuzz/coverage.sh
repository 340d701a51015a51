#!/usr/bin/env bash
# Branch coverage of the loader and validator by the committed corpus alone, with Clang's source coverage.
# usage: tests/fuzz/coverage.sh [LEAST_PERCENT]; CLANG names the compiler, PROFDATA and COV its tools, MUTATIONS adds changed files.
set -euo pipefail
cd "$(dirname "$0")/../.."
clang=${CLANG:-clang++}
profdata=${PROFDATA:-llvm-profdata${clang##*clang++}}
cov=${COV:-llvm-cov${clang##*clang++}}
least=${1:-95}
build=build/coverage
cmake --preset coverage -DCMAKE_CXX_COMPILER="$clang" >/dev/null
cmake --build --preset coverage --target fuzz_corpus
LLVM_PROFILE_FILE=$build/corpus.profraw "$build/tests/cpp/fuzz/fuzz_corpus" tests/fuzz/corpus "${MUTATIONS:-0}"
"$profdata" merge -sparse $build/corpus.profraw -o $build/corpus.profdata
sources=(cpp/problem/safetensors.cpp cpp/problem/json.cpp cpp/problem/file.cpp cpp/problem/problem.cpp cpp/program/program.cpp)
"$cov" report $build/tests/cpp/fuzz/fuzz_corpus -instr-profile=$build/corpus.profdata "${sources[@]}" | tee $build/report.txt
"$cov" show $build/tests/cpp/fuzz/fuzz_corpus -instr-profile=$build/corpus.profdata -show-branches=count "${sources[@]}" >$build/lines.txt
branches=$(awk '/^TOTAL/ { sub("%", "", $NF); print $NF }' $build/report.txt)
echo "branch coverage of the loader and validator: $branches %, at least $least %"
awk -v got="$branches" -v least="$least" 'BEGIN { exit !(got + 0 >= least) }'
