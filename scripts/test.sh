#!/bin/sh
# test.sh [MAKE ARGUMENT]...: from a bare system to tests that pass, in one command.
#
# Installs a compiler, make and Criterion if they are missing; then make test, with these arguments.
set -eu

cd "$(dirname "$0")/.."
scripts/setup.sh test
exec "${MAKE:-make}" test "$@"
