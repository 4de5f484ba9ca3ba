#!/bin/bash
# crash-jobs.sh [JOBS [SECONDS]]: a queue of so many jobs, worked on by two
# `shm-consume -j 4 -- COMMAND`, one of which is killed with -9 every tenth of a second and
# started again; then every job is accounted for: a run of it exited with 0, or it is in the
# dead-letter channel.
#
# A run fails by chance, one in ten, and the fiftieth jobs fail always. The run of a killed
# shm-consume goes on, so a job may be done more than once. After SECONDS nobody is killed any
# more.
set -euo pipefail
cd "$(dirname "$0")/.."

jobs=${1:-1000}
seconds=${2:-120}
loop=crash-jobs
channel=jobs.$$
dead=$channel.dead
object=/dev/shm/shm-channel.$(id -u).$channel
objects=("$object" "$object.dead")
# shellcheck source=scripts/loop-lib.sh
. scripts/loop-lib.sh
need shm-produce shm-consume

at_once=4 # commands of one shm-consume
workers=0 kills=0

# Notes each run where it begins and where it ends: one write with O_APPEND each.
cat >"$scratch/job.sh" <<'END'
cd "${0%/*}"
IFS= read -r input || true
printf '%s\n' "$SHM_ATTEMPT $1" >>runs
read -rt 0.0$((RANDOM % 90 + 10)) <>never
[ "$input" = "$1" ] || printf '%s\n' "$input, not $1" >>wrong
status=0
number=${1% *}
if [ $((${number#job } % 50)) -eq 0 ] || [ $((RANDOM % 10)) -eq 0 ]; then
	status=1
else
	printf '%s\n' "$1" >>done
fi
printf '%s\n' "$status" >>ends
exit $status
END

start_worker() {
	start "w$workers" "$tools/shm-consume" -q -C "$channel" -j "$at_once" --retry-delay 0.01 \
		--on-failure dead --dead-letter "$dead" -- bash "$scratch/job.sh" '{}' \
		2>>"$scratch/errors"
	workers=$((workers + 1))
}

# kill_one: one of the two, and starts it again.
kill_one() {
	local name='' names=("${!pid_of[@]}") status
	until [[ $name = w* ]]; do
		name=${names[RANDOM % ${#names[@]}]}
	done
	kill -KILL "${pid_of[$name]}" 2>/dev/null || true
	reap "$name"
	[ "$status" -eq 137 ] || fail "$name ended with $status"
	kills=$((kills + 1))
	start_worker
}

# The producer waits until all its jobs are acknowledged.
run() {
	local began checked now size seen=0
	began=$(now_ms)
	checked=$began
	while running jobs; do
		read -rt 0.1 <>"$scratch/never" || true
		now=$(now_ms)
		if [ $((now - began)) -lt $((seconds * 1000)) ]; then
			kill_one
		elif [ $((now - began)) -gt $((seconds * 1000 + margin_ms)) ]; then
			fail "not done within $seconds s and $((margin_ms / 1000)) s more"
		fi
		if [ $((now - checked)) -gt $stuck_ms ]; then
			size=$(stat -c %s "$scratch/ends")
			[ "$size" -gt "$seen" ] || fail "nothing is done for $((stuck_ms / 1000)) s"
			seen=$size
			checked=$now
		fi
	done
	reap jobs
	[ "$status" -eq 0 ] || fail "the producer ended with $status"
}

count() {
	wc -l <"$scratch/$1"
}

end() {
	local name until status
	for name in "${!pid_of[@]}"; do
		attached "$name"
	done
	until=$(($(now_ms) + margin_ms))
	kill -TERM "${pid_of[holder]}"
	ends holder "$until"
	for name in "${!pid_of[@]}"; do
		ends "$name" "$until"
		case $status in 0 | 4 | 123) ;; *) fail "$name ended with $status" ;; esac
	done
	# The runs that the killed ones left behind.
	until [ "$(count runs)" -eq "$(count ends)" ]; do
		[ "$(now_ms)" -lt "$until" ] || fail 'a run does not end'
		nap 10
	done
}

# What was left, and the dead letters; with that both channels go.
collect() {
	local object
	timeout 20 "$tools/shm-consume" -q -C "$channel" -e >"$scratch/left" || [ $? -eq 4 ]
	[ ! -s "$scratch/left" ] || fail "$(count left) jobs were left behind"
	timeout 20 "$tools/shm-consume" -q -C "$dead" -e >"$scratch/dead" || [ $? -eq 4 ]
	for object in "${objects[@]}"; do
		[ ! -e "$object" ] || fail "$object was left behind"
	done
}

account() {
	cd "$scratch"
	awk -v kills="$kills" -v at_once="$at_once" '
	function wrong(what) {
		print what
		bad = 1
	}
	FILENAME == "jobs" { job[$0] = 1; jobs++; next }
	FILENAME == "runs" { runs++; most = $1 > most ? $1 : most; sub(/^[0-9]+ /, "") }
	!($0 in job) { wrong("invented: " FILENAME ": " $0) }
	FILENAME == "done" {
		if ($2 % 50 == 0)
			wrong("this never exits with 0: " $0)
		if (finished[$0]++)
			again++
	}
	FILENAME == "dead" && letter[$0]++ { doubled++ }
	END {
		for (name in job) {
			if (name in finished)
				ok++
			if (name in letter)
				letters++
			if (!(name in finished) && !(name in letter)) {
				neither++
				wrong("neither done nor a dead letter: " name)
			}
			if ((name in finished) && (name in letter))
				both++
		}
		if (most > 4)
			wrong("attempt " most " of 4")
		if (again > kills * at_once || doubled > kills * at_once)
			wrong("more came again than the killed ones had in hand")
		printf "%d jobs, %d workers killed, %d runs: %d jobs done (%d times again), " \
		       "%d dead letters (%d doubled, %d of them done, too), %d neither\n",
		       jobs, kills, runs, ok, again, letters, doubled, both, neither
		exit bad
	}' jobs runs "done" dead
}

limit $((seconds + 2 * margin_ms / 1000 + 30))
awk -v jobs="$jobs" 'BEGIN {
	for (i = 1; i <= jobs; i++)
		print "job " i " " substr("..............................", 1, i % 30) "."
}' >"$scratch/jobs"
for file in runs ends "done" wrong; do
	: >"$scratch/$file"
done
# As long as this producer is there nobody sees an end.
start holder "$tools/shm-produce" -q -C "$channel" <>"$scratch/never"
start jobs "$tools/shm-produce" -q -C "$channel" -a <"$scratch/jobs" 2>>"$scratch/errors"
start_worker
start_worker
run
end
collect
[ ! -s "$scratch/wrong" ] || fail "standard input and argument differ: $(cat "$scratch/wrong")"
account
