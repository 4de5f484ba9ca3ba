#!/bin/sh
# check.sh MODEL EXPECTED NAME [-DSWITCH...]: searches all states of a model (no hashing, no
# reduction) and prints one line. EXPECTED is "holds", or what the report of the failure must
# contain. Exit 1 if it came out differently.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
model=$here/$1
expected=$2
name=$3
shift 3

for tool in spin gcc; do
	command -v "$tool" >/dev/null || {
		echo "model: $tool is not installed (Debian: apt install spin gcc)" >&2
		exit 1
	}
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
cd "$scratch"

depth=1000000
if ! { spin "$@" -a "$model" && gcc -O1 -w -DSAFETY -DCOLLAPSE -DNOREDUCE -o pan pan.c; } >log 2>&1; then
	cat log >&2
	echo "model: $name: cannot be built" >&2
	exit 1
fi
./pan -m$depth -n >log 2>&1 || true

states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' log)
reached=$(sed -n 's/.*depth reached \([0-9]*\).*/\1/p' log)
failure=$(sed -n 's/^pan:1: \(.*\) (at depth [0-9]*)$/\1/p' log)

if [ -n "$failure" ]; then
	result="FAILS: $failure"
elif grep -q 'errors: 0$' log && ! grep -q -e 'not completed' -e 'too small' -e 'out of memory' log &&
	[ "${reached:-$depth}" -lt $depth ]; then
	result=holds
else
	result="search was cut short"
	cat log >&2
fi

verdict="as expected"
case $expected in
holds) [ "$result" = holds ] || verdict="NOT EXPECTED" ;;
*)
	case $result in
	FAILS*"$expected"*) ;;
	*) verdict="NOT EXPECTED" ;;
	esac
	;;
esac
printf '%-58s %9s states  depth %4s  %s: %.60s\n' "$name" "${states:-?}" "${reached:-?}" "$verdict" "$result"
[ "$verdict" = "as expected" ]
