# Builds the fuzz targets with coverage instrumentation; sourced in fuzz/. Sets FUZZ_PROGRAMS.
# shellcheck shell=bash

host=$(rustc -vV | sed -n 's/^host: //p')
flags=(
    --cfg fuzzing
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
    -Ccodegen-units=1
)
# Beside what else is built, wherever that is.
fuzz_target=${CARGO_TARGET_DIR:-$PWD/../target}/fuzz
# With --target the flags stay away from build scripts. Not --locked: the lock file of this workspace
# follows what the product depends on.
RUSTFLAGS="${flags[*]}" cargo build --release --quiet --target "$host" --target-dir "$fuzz_target"
export FUZZ_PROGRAMS=$fuzz_target/$host/release
