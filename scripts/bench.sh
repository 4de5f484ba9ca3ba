#!/bin/bash
# shellcheck disable=SC2016 # jq has variables of its own
#
# bench.sh [-q | -r ROUNDS]: how fast we are, and how fast others are that do the same, in one run.
#
# Two pinned processes that pass messages (build/bench/bench -h), how the cost grows
# (build/bench/scale), and the tools beside others (tests/bench/tools.sh). Medians of ROUNDS (9);
# with -q in less than a minute, and less exact. Writes into build/bench: table.txt, which is also shown,
# results.json, and plots as SVG if gnuplot is there.
#
# Nothing else should run meanwhile. What is missing is named; scripts/setup.sh bench installs it.
# Exit status: 0, or 1 if a measurement failed, or 2 for a usage error.
set -euo pipefail
cd "$(dirname "$0")/.."

quick=no rounds=9
case "$#:${1-}:${2-}" in
0::) ;;
1:-q:) quick=yes ;;
2:-r:[1-9] | 2:-r:[1-9][0-9]) rounds=$2 ;;
*)
	echo "usage: $0 [-q | -r ROUNDS]" >&2
	exit 2
	;;
esac

build=${BUILD:-build}
out=$build/bench
here=tests/bench
lines=$out/results.lines

command -v jq >/dev/null || {
	echo 'bench: jq is missing, it makes the tables; scripts/setup.sh bench installs it' >&2
	exit 1
}
"${MAKE:-make}" -s BUILD="$build" bench-programs

# fact NAME VALUE: a line about the machine.
fact() {
	jq -cn --arg name "$1" --arg value "$2" '{scene: "machine", name: $name, value: $value}'
}

first_of() {
	sed -n "s/^$1[[:space:]]*: //p" /proc/cpuinfo | head -n 1
}

machine() {
	local governor=/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor
	fact processor "$(first_of 'model name' || :)"
	fact processors "$(nproc) online"
	fact caches "$(lscpu 2>/dev/null | sed -n 's/^\(L[123]d\?\) cache: */\1 /p' | paste -sd, || :)"
	fact virtual "$(grep -qw hypervisor /proc/cpuinfo && echo 'yes, a guest' || echo no)"
	fact governor "$(cat $governor 2>/dev/null || echo unknown)"
	fact memory "$(awk '/^MemTotal/ { printf "%.1f GiB", $2 / 1048576 }' /proc/meminfo)"
	fact kernel "$(uname -srm)"
	fact system "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release 2>/dev/null || :)"
	fact 'load before' "$(cut -d' ' -f1-3 /proc/loadavg)"
	fact commit "$(git describe --always --dirty 2>/dev/null || echo unknown)"
	fact date "$(date -u +%Y-%m-%dT%H:%MZ)"
}

failed=()
# part WHAT COMMAND...: its lines go to the results; that it failed is told at the end.
part() {
	local what=$1
	shift
	echo "bench: $what" >&2
	"$@" >>"$lines" || failed+=("$what")
}

mkdir -p "$out"
machine >"$lines"
if [ $quick = yes ]; then
	part 'messages between two processes' "$out/bench" -r 3 -t 25 \
		oneway:8 oneway:64 oneway:4096 oneway:65536 oneway:1048576 ends batch inplace pingpong asleep
	part 'the tools beside others' $here/tools.sh -r 3 -m 128
	part 'how the cost grows' "$out/scale" -q -r 1
else
	part 'messages between two processes' "$out/bench" -r "$rounds" -t 200
	part 'the tools beside others' $here/tools.sh -r "$rounds" -m 1024
	part 'how the cost grows' "$out/scale" -r $(((rounds + 2) / 3))
fi
fact 'load after' "$(cut -d' ' -f1-3 /proc/loadavg)" >>"$lines"
jq -s . "$lines" >"$out/results.json"

# ---- the table ----

# Each section gets columns of its own.
sections() {
	local line section=
	while IFS= read -r line; do
		case $line in
		'') ;;
		'# '*)
			printf '%s' "$section" | column -t -s "$(printf '\t')"
			printf '\n== %s\n' "${line#\# }"
			section=
			;;
		*) section=$section$line$'\n' ;;
		esac
	done
	printf '%s' "$section" | column -t -s "$(printf '\t')"
}

{
	jq -r '.[] | select(.scene == "machine") | "\(.name): \(.value)"' "$out/results.json"
	jq -r '.[] | select(.scene == "about") | "compiler: \(.compiler)", "libc: \(.libc)",
		"pinned: sender and receiver on processors \(.processors | map(tostring) | join(" and "))",
		"rounds: \(.rounds) of \(.measure_ms) ms",
		(.missing[] | "missing: \(.peer) (Debian: \(.packages))")' "$out/results.json"
	jq -r '.[] | select(.scene == "missing") | "missing: \(.peer) (Debian: \(.packages))"' \
		"$out/results.json"
	command -v gnuplot >/dev/null || echo 'missing: gnuplot, so no plots (Debian: gnuplot-nox)'
	jq -r -L $here -f $here/table.jq "$out/results.json" | sections
	jq -r '.[] | select((.failures // 0) > 0) |
		"FAILED \(.failures) times: \(.scene) \(.series // .size // "") \(.peer)"' "$out/results.json"
} | sed 's/ *$//' | tee "$out/table.txt"

# ---- the plots; their data stays if one fails ----

# columns NAME FILTER: a file for gnuplot, a block with its name as title for each series.
columns() {
	jq -r "def rank: [\"ours\", \"limit\", \"peer\"] as \$o | .kind as \$k | \$o | index(\$k);
		def block(name): \"\\\"\" + name + \"\\\"\", .[], \"\", \"\"; $2" \
		"$out/results.json" >"$out/$1.dat"
}

# plot NAME TITLE COMMANDS: all blocks of NAME.dat as lines.
plot() {
	local blocks
	blocks=$(grep -c '^"' "$out/$1.dat" || :)
	[ "$blocks" -gt 0 ] || return 0
	gnuplot <<-END || failed+=("plot $1")
		set terminal svg size 900,560 font "sans,13" background "white"
		set output "$out/$1.svg"
		set title "$2"
		set key outside right
		set grid
		$3
		plot for [i = 0:$((blocks - 1))] "$out/$1.dat" index i using 1:2 \
			with linespoints pointsize 0.6 linewidth (i == 0 ? 3 : 1) title columnheader(1)
	END
}

if command -v gnuplot >/dev/null; then
	# We come first in each, and are drawn thick.
	columns throughput 'map(select(.scene == "oneway" and .median != null)) | group_by(.peer) |
		sort_by([(.[0] | rank), .[0].peer])[] | sort_by(.size) | .[0].peer as $peer |
		map("\(.size) \(.median * .size)") | block($peer)'
	plot throughput 'One way: bytes per second over message size' \
		'set logscale x 2; set logscale y; set format x "%.0b%B"; set xlabel "bytes in a message"
		set format y "%.0s %cB/s"'
	columns latency 'map(select(.scene == "asleep" and .percentiles_ns != null)) |
		sort_by([rank, .peer])[] | .peer as $peer | [.percentiles_ns[] | select(.[0] < 100)] |
		map("\(1 / (1 - .[0] / 100)) \(.[1] * 1e-9)") | block($peer)'
	percentiles='set logscale xy; set xlabel "of all messages"; set format y "%.0s %cs"
		set xtics ("50 %%" 2, "90 %%" 10, "99 %%" 100, "99.9 %%" 1000, "99.99 %%" 10000, "99.999 %%" 1e5)'
	plot latency 'One way to a receiver that sleeps: percentiles' "$percentiles"
	columns pingpong 'map(select(.scene == "pingpong" and .percentiles_ns != null)) |
		sort_by([rank, .peer])[] | .peer as $peer | [.percentiles_ns[] | select(.[0] < 100)] |
		map("\(1 / (1 - .[0] / 100)) \(.[1] * 1e-9)") | block($peer)'
	plot pingpong 'There and back, both awake: percentiles' "$percentiles"
	columns scaling 'map(select(.scene == "scale" and .series == "endpoints" and .median != null)) |
		group_by([.peer, .consumers])[] | sort_by(.producers) |
		"\(.[0].peer), \(.[0].consumers) consumers" as $name |
		map("\(.producers) \(1e9 / .median)") | block($name)'
	plot scaling 'Messages per second over producers and consumers' \
		'set logscale x 2; set xlabel "producers"; set yrange [0:*]; set format y "%.1s %c/s"'
	[ ${#failed[@]} -gt 0 ] || rm -f "$out"/*.dat
fi

rm -f "$lines"
echo "bench: $out/table.txt, $out/results.json$(cd "$out" && printf ', %s' *.svg)" >&2
for what in "${failed[@]}"; do
	echo "bench: failed: $what" >&2
done
[ ${#failed[@]} -eq 0 ]
