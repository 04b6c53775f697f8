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
# With --target the flags stay away from build scripts. Not --locked: the lock file of this workspace
# follows what the product depends on.
RUSTFLAGS="${flags[*]}" cargo build --release --quiet --target "$host" --target-dir target
export FUZZ_PROGRAMS=$PWD/target/$host/release
