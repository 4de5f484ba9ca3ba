#!/bin/bash
# bench-progress.sh [-r RUNS] [-n LINES] [BUILD]: what does --progress cost?
#
# Sends LINES (30000000) numbers through a channel, in blocks of lines, with and without
# --progress=always on both tools, in turn, RUNS (9) times each, and prints the medians of the
# seconds and their ratio; then a tenth of them as netstrings, each a record of its own. Exit
# status: 0 if both ratios are at most 1.02, else 1; 2 for a usage error.
set -euo pipefail
cd "$(dirname "$0")/.."

runs=9 lines=30000000
usage() {
	echo "usage: $0 [-r RUNS] [-n LINES] [BUILD]" >&2
	exit 2
}
while getopts r:n: option; do
	case $option in
	r) runs=$OPTARG ;;
	n) lines=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -le 1 ] || usage
tools=${1:-build}
channel=bench-progress.$$
scratch=$(mktemp -d)
trap 'rm -rf "$scratch" "/dev/shm/shm-channel.$(id -u).$channel"' EXIT

# once NAME OPTION...: one run; adds its microseconds to a file.
once() {
	local name=$1 begin end
	shift
	begin=$(date +%s%N)
	"$tools/shm-consume" -C "$channel" "$@" >/dev/null 2>"$scratch/drawn" &
	"$tools/shm-produce" -C "$channel" "$@" <"$scratch/input" 2>"$scratch/drawn.too"
	wait $!
	end=$(date +%s%N)
	echo $(((end - begin) / 1000)) >>"$scratch/$name"
}

median() {
	sort -n "$scratch/$1" | sed -n "$(((runs + 1) / 2))p"
}

# compare COUNT WHAT FRAMING: status 1 if it costs more than it may.
compare() {
	local run
	once warm --framing "$3"
	rm -f "$scratch/with" "$scratch/without"
	for ((run = 0; run < runs; run++)); do
		if ((run % 2 == 0)); then
			once without --framing "$3"
			once with --framing "$3" --progress=always
		else
			once with --framing "$3" --progress=always
			once without --framing "$3"
		fi
	done
	awk -v with="$(median with)" -v without="$(median without)" -v runs="$runs" \
		-v count="$1" -v what="$2" '
		BEGIN {
			ratio = with / without
			printf "%d %s, median of %d: %.3f s without, %.3f s with --progress: %.3f\n",
				count, what, runs, without / 1e6, with / 1e6, ratio
			exit ratio > 1.02
		}'
}

status=0
seq "$lines" >"$scratch/input"
compare "$lines" lines lines || status=1
seq $((lines / 10)) | awk '{ printf "%d:%s,", length, $0 }' >"$scratch/input"
compare $((lines / 10)) netstrings netstring || status=1
exit $status
