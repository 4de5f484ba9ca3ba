#!/bin/bash
# bench-compare.sh [-r ROUNDS] [-t] OLD [NEW]: which figures moved between two commits?
#
# Builds both (NEW: HEAD) in worktrees of their own, which it removes afterwards, and runs them
# in turn, ROUNDS (12) times, the order changing from round to round. With -t the tools too, not
# only the library. Both are measured by the benchmark of this tree, but each with its own
# files of it that include the library's headers, as those go with the library.
#
# A figure has moved if the ranks of its values say so (Mann and Whitney's test, two-sided, at
# 1 %) and the medians differ by more than 2 %: ranks make no assumption about how noise is
# distributed, and one round that was disturbed cannot decide. Of 20 figures that have not
# moved at all, one in five runs may still show one. Fewer than 6 rounds cannot tell anything.
#
# Exit status: 0 if nothing got slower, 1 if something did or failed, 2 for a usage error.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=12 tools=no
usage() {
	echo "usage: $0 [-r ROUNDS] [-t] OLD [NEW]" >&2
	exit 2
}
while getopts r:t option; do
	case $option in
	r) rounds=$OPTARG ;;
	t) tools=yes ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
	usage
fi
[ "$rounds" -ge 6 ] || usage
command -v jq >/dev/null || {
	echo 'bench-compare: jq is missing' >&2
	exit 1
}
unset BUILD CC CFLAGS CPPFLAGS LDFLAGS LDLIBS SAN V MAKEFLAGS

scratch=$(mktemp -d)
clean_up() {
	local name
	for name in old new; do
		git worktree remove --force "$scratch/$name" 2>/dev/null || :
	done
	rm -rf "$scratch"
}
trap clean_up EXIT

# build NAME COMMIT
build() {
	local tree=$scratch/$1 own
	git worktree add -q --detach "$tree" "$2"
	mkdir -p "$tree/tests/bench"
	mkdir "$scratch/$1.own"
	for own in peer_channel.c startup.c; do
		[ ! -e "$tree/tests/bench/$own" ] || cp "$tree/tests/bench/$own" "$scratch/$1.own/"
	done
	cp tests/bench/* "$tree/tests/bench/"
	cp -r "$scratch/$1.own/." "$tree/tests/bench/"
	grep -q '^include tests/bench/bench.mk' "$tree/Makefile" ||
		echo 'include tests/bench/bench.mk' >>"$tree/Makefile"
	echo "$1: $(git -C "$tree" log -1 --format='%h %s')"
	make -s -j"$(nproc)" -C "$tree" bench-programs
}

# once NAME: one round of it.
once() {
	local tree=$scratch/$1
	"$tree/build/bench/bench" -p channel -r 1 -t 100 >>"$scratch/$1.lines"
	if [ $tools = yes ]; then
		"$tree/tests/bench/tools.sh" -p shm -r 1 -m 512 >>"$scratch/$1.lines"
	fi
}

build old "$1"
build new "${2:-HEAD}"
for ((round = 1; round <= rounds; round++)); do
	[ ! -t 2 ] || printf '\rround %d of %d ' $round "$rounds" >&2
	if [ $((round % 2)) -eq 0 ]; then
		once old
		once new
	else
		once new
		once old
	fi
done
[ ! -t 2 ] || echo >&2

jq -n -r --slurpfile old "$scratch/old.lines" --slurpfile new "$scratch/new.lines" \
	-L tests/bench -f tests/bench/compare.jq >"$scratch/table"
column -t -s "$(printf '\t')" "$scratch/table"
! grep -q 'SLOWER' "$scratch/table"
