#!/bin/bash
# crash-loop.sh [KILLS [SECONDS]]: the real tools under random kill -9 and STOP/CONT, with
# numbered lines flowing; then every line is accounted for.
#
# A producer's lines are committed in their order, so what has come of a killed one must be
# its first lines without a gap; of one that ended, all of them. A killed consumer may leave
# half a line at the end of its output: that line must have come again whole.
set -euo pipefail
cd "$(dirname "$0")/.."

kills_wanted=${1:-200}
seconds=${2:-60}
lines=20000
loop=crash-loop
channel=crash.$$
objects=("/dev/shm/shm-channel.$(id -u).$channel")
# shellcheck source=scripts/loop-lib.sh
. scripts/loop-lib.sh
need shm-produce shm-consume
mkfifo "$scratch/hold"

producers=0 consumers=0 kills=0 stops=0 rounds=0 latecomers=0

start_producer() {
	local id=p$producers
	producers=$((producers + 1))
	awk -v id="$id" -v n="$lines" 'BEGIN {
		for (i = 0; i < n; i++)
			print id, i, substr("##############################", 1, i % 30) "."
	}' >"$scratch/in.$id"
	start "$id" "$tools/shm-produce" -q -C "$channel" -s 64K <"$scratch/in.$id" \
		2>>"$scratch/errors" 8>&-
}

start_consumer() {
	local id=c$consumers
	consumers=$((consumers + 1))
	start "$id" "$tools/shm-consume" -q -C "$channel" -s 64K >"$scratch/out.$id" \
		2>>"$scratch/errors" 8>&-
}

# harm NAME: kill -9, or stop for a moment, one process that we started and have not reaped.
harm() {
	local status
	if [ $((RANDOM % 4)) -eq 0 ]; then
		stop_a_moment "$1" 5 || return 0
		stops=$((stops + 1))
	elif kill -KILL "${pid_of[$1]}" 2>/dev/null; then
		kills=$((kills + 1))
		reap "$1"
		echo "$1" >>"$scratch/killed"
	fi
}

# end NAME LIMIT_MS: waits for its end; who does not end is stuck. But a consumer that has got
# nothing may have come when the stream was over, and waits for another: it gets an empty one.
end() {
	local status until late
	late=$(($(now_ms) + 3000))
	until=$(($(now_ms) + $2))
	while running "$1"; do
		if [ "$(now_ms)" -ge "$until" ]; then
			tail -n 2 "$scratch/out.$1" >&2 || true
			fail "$1 does not end; its output is above"
		fi
		if [ "$(now_ms)" -ge "$late" ] && [[ $1 = c* ]] && [ ! -s "$scratch/out.$1" ]; then
			"$tools/shm-produce" -q -C "$channel" </dev/null
			latecomers=$((latecomers + 1))
			late=$until
		fi
		nap 2
	done
	reap "$1"
	case $1:$status in
	p*:0) echo "$1" >>"$scratch/whole" ;;
	c*:0 | c*:4) ;;
	*) fail "$1 ended with $status" ;;
	esac
}

round() {
	local name names i
	: >"$scratch/killed"
	: >"$scratch/whole"
	rm -f "$scratch"/in.* "$scratch"/out.*
	# As long as this producer is there, which is never harmed, no consumer sees an end.
	exec 8<>"$scratch/hold"
	"$tools/shm-produce" -q -C "$channel" -s 64K <"$scratch/hold" 8>&- &
	holder=$!
	for ((i = 0; i < 3; i++)); do
		start_consumer
		start_producer
	done
	for ((i = 0; i < 8; i++)); do
		nap 4
		names=("${!pid_of[@]}")
		[ ${#names[@]} -gt 0 ] || break
		name=${names[RANDOM % ${#names[@]}]}
		harm "$name"
		case $name in c*) start_consumer ;; p*) start_producer ;; esac
	done
	for name in "${!pid_of[@]}"; do
		case $name in p*) end "$name" 20000 ;; esac
	done
	exec 8>&-
	wait "$holder"
	for name in "${!pid_of[@]}"; do
		end "$name" 20000
	done
	"$tools/shm-consume" -q -C "$channel" -e >"$scratch/out.rest" || [ $? -eq 4 ]
	account
	rounds=$((rounds + 1))
}

account() {
	# The unterminated end of a killed consumer's output is not a line.
	local file
	for file in "$scratch"/out.*; do
		awk -v file="${file##*/}" 'BEGIN { RS = "\n" } { if (NR > 1) print held; held = file " " $0 }
			END { if (NR > 0) print held }' "$file" >"$file.lines"
		if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then
			sed -i '$d' "$file.lines"
		fi
	done
	cat "$scratch"/out.*.lines | awk -v lines="$lines" -v whole="$(tr '\n' ' ' <"$scratch/whole")" '
	BEGIN { split(whole, list); for (i in list) all[list[i]] = 1 }
	{
		if (NF != 4 || $2 !~ /^p[0-9]+$/ || $3 !~ /^[0-9]+$/ || $3 + 0 >= lines ||
		    $4 != substr("##############################", 1, $3 % 30) ".") {
			print "torn or invented: " $0; bad = 1; next
		}
		came[$2 " " $3]++
		if (came[$2 " " $3] > 1) again++
		if ($3 + 0 > most[$2] + 0 || !($2 in most)) most[$2] = $3 + 0
		# Within one output the numbers of a producer rise, except where one comes again.
		if (($1 " " $2) in last && $3 + 0 <= last[$1 " " $2]) back++
		last[$1 " " $2] = $3 + 0
		total++
	}
	END {
		for (p in most)
			for (i = 0; i <= most[p]; i++)
				if (!((p " " i) in came)) { print "lost: " p " " i; bad = 1; lost++ }
		for (p in all)
			if (most[p] + 0 != lines - 1) { print "lost: the end of " p; bad = 1; lost++ }
		printf "%d %d %d %d\n", total, again, back, lost >"/dev/stderr"
		exit bad
	}' 2>"$scratch/counts" || {
		cat "$scratch/counts" >&2
		fail "round $rounds failed"
	}
	read -r total again back _ <"$scratch/counts"
	delivered=$((delivered + total))
	redelivered=$((redelivered + again))
	backward=$((backward + back))
}

delivered=0 redelivered=0 backward=0
began=$(now_ms)
while [ "$kills" -lt "$kills_wanted" ] && [ $(($(now_ms) - began)) -lt $((seconds * 1000)) ]; do
	round
done
[ ! -e "${objects[0]}" ] || fail 'the channel was left behind'
echo "$rounds rounds, $kills killed, $stops stopped and continued: $delivered lines delivered," \
	"$redelivered of them again ($backward out of order for that), 0 lost, 0 torn, 0 invented;" \
	"$latecomers consumers came after the end"
