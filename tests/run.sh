#!/bin/sh
# Runs the tests: tests/run.sh TESTS_FOLDER TOOLS_FOLDER [CRITERION_OPTION]...
# The tools and the agent, which plays their partner, are taken from TOOLS_FOLDER.
# A run that leaves an object in shared memory has failed.
set -eu

TESTS=$1
TOOLS=$2
shift 2
TEST_RUN=$$
export TOOLS TEST_RUN
# Tests that are an endpoint themselves cannot meet tools of another C library.
if [ "$TESTS" = "$TOOLS/tests" ]; then FOREIGN_TOOLS=; else FOREIGN_TOOLS=yes; fi
export FOREIGN_TOOLS

# What whoever runs this has configured for the tools is not to matter.
XDG_CONFIG_HOME=/nonexistent
export XDG_CONFIG_HOME
unset SHM_CONFIG

objects() {
	find /dev/shm -name "shm-channel.*.test-$TEST_RUN-*" 2>/dev/null | sort
}

# What Criterion itself leaks is not ours to judge.
LSAN_OPTIONS=suppressions=$(dirname "$0")/support/lsan.supp:print_suppressions=0
export LSAN_OPTIONS

status=0
"$TESTS/run" "$@" || status=$?
"$TOOLS/tests/cond_wedge" || status=1
left=$(objects)
if [ -n "$left" ]; then
	echo "left in shared memory:"
	echo "$left"
	status=1
fi
exit "$status"
