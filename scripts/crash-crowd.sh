#!/bin/bash
# crash-crowd.sh [MESSAGES [SECONDS]]: 16 producers with so many numbered lines each, and 8
# consumers in each of 3 groups, under random kill -9 and STOP/CONT; then every line is
# accounted for in every group.
#
# Who is killed is started again, a producer with the line after the last that has come out.
# What the killed one had committed behind that line comes twice, so lines carry a number of
# their life, too: of each life all groups must have got the same lines without a gap, and
# those of a life that ended well to the last. After SECONDS nobody is killed any more.
set -euo pipefail
cd "$(dirname "$0")/.."

lines=${1:-10000}
seconds=${2:-120}
loop=crash-crowd
channel=crowd.$$
objects=("/dev/shm/shm-channel.$(id -u).$channel")
# shellcheck source=scripts/loop-lib.sh
. scripts/loop-lib.sh
need shm-produce shm-consume tests/trickle

producers=16
consumers=8                           # in each group
declare -A share=([a]=1 [b]=5 [c]=20) # how many lines a consumer of the group has in hand
options=(-q -C "$channel" -s 64K)

# A line is its producer and life, its number, a padding, and a sum over all of them.
line_awk='
function line(producer, life, i) {
	return "p" producer "." life " " i " " substr(dots, 1, i * 7 % 60) ". " \
	       (producer * 7919 + life * 104729 + i * 31) % 99991
}
BEGIN { dots = "............................................................" }'

declare -A life_of group_of kills_in
killed=()
consumers_started=0 trickles=0 kills=0 stops=0 producers_killed=0

# start_producer P FIRST: the next life of that producer, from that line on.
start_producer() {
	local life=$((${life_of[$1]:-0} + 1))
	life_of[$1]=$life
	awk -v producer="$1" -v life="$life" -v first="$2" -v lines="$lines" "$line_awk"'
		BEGIN { for (i = first; i < lines; i++) print line(producer, life, i) }' >"$scratch/in.$1"
	echo "life $1 $life $2" >>"$scratch/facts"
	start "p$1" "$tools/shm-produce" "${options[@]}" <"$scratch/in.$1" 2>>"$scratch/errors"
}

# start_consumer GROUP: its output goes to a slow reader, but for those of group a.
start_consumer() {
	local id=c$consumers_started
	local command=("$tools/shm-consume" "${options[@]}" -g "$1" -b "${share[$1]}")
	consumers_started=$((consumers_started + 1))
	group_of[$id]=$1
	case $1 in
	a) start "$id" "${command[@]}" >"$scratch/out.$1.$id" 2>>"$scratch/errors" ;;
	*)
		trickles=$((trickles + 1))
		start "$id" "${command[@]}" > >(trickle "$scratch/out.$1.$id") 2>>"$scratch/errors"
		;;
	esac
}

# trickle FILE: slow enough that there is time to kill. Says when it has written all.
trickle() {
	"$tools/tests/trickle" 300 20 >"$1" && echo "$1" >>"$scratch/trickled"
}

size_of_output() {
	stat -c %s "$scratch"/out.* | awk '{ sum += $1 } END { print sum }'
}

# after PRODUCER: the number behind the last of its lines that has come out.
after() {
	grep -hs "^p$1\." "$scratch"/out.a.* | awk -v producer="$1" "$line_awk"'
		{ split($1, part, ".") }
		$2 >= next_line && $0 == line(producer, part[2] + 0, $2 + 0) { next_line = $2 + 1 }
		END { print next_line + 0 }'
}

# harm NAME: kill -9 and start again, or stop for a moment. A producer may have ended before.
harm() {
	local group=${group_of[$1]:-} status
	if [ $((RANDOM % 4)) -eq 0 ]; then
		if stop_a_moment "$1" 20; then
			stops=$((stops + 1))
		fi
		return
	fi
	kill -KILL "${pid_of[$1]}" 2>/dev/null || return 0
	reap "$1"
	case $1:$status in
	p*:0)
		whole "${1#p}"
		return
		;;
	*:137) ;;
	*) fail "$1 ended with $status" ;;
	esac
	kills=$((kills + 1))
	if [ -n "$group" ]; then
		kills_in[$group]=$((${kills_in[$group]:-0} + 1))
		killed+=("$scratch/out.$group.$1")
		start_consumer "$group"
	else
		producers_killed=$((producers_killed + 1))
		start_producer "${1#p}" "$(after "${1#p}")"
	fi
}

whole() {
	echo "whole $1 ${life_of[$1]}" >>"$scratch/facts"
	at_work=$((at_work - 1))
}

reap_producers() {
	local name status
	for name in "${!pid_of[@]}"; do
		case $name in p*) ;; *) continue ;; esac
		running "$name" && continue
		reap "$name"
		[ "$status" -eq 0 ] || fail "$name ended with $status"
		whole "${name#p}"
	done
}

run() {
	local began checked size seen=0 now names name
	began=$(now_ms)
	checked=$began
	while [ "$at_work" -gt 0 ]; do
		nap 20
		now=$(now_ms)
		if [ $((now - began)) -lt $((seconds * 1000)) ]; then
			names=("${!pid_of[@]}")
			name=${names[RANDOM % ${#names[@]}]}
			[ "$name" = holder ] || harm "$name"
		elif [ $((now - began)) -gt $((seconds * 1000 + margin_ms)) ]; then
			fail "not done within $seconds s and $((margin_ms / 1000)) s more"
		fi
		reap_producers
		if [ $((now - checked)) -gt $stuck_ms ]; then
			size=$(size_of_output)
			[ "$size" -gt "$seen" ] || fail "nothing has come for $((stuck_ms / 1000)) s"
			seen=$size
			checked=$now
		fi
	done
}

# The stream is over: every consumer ends, with 4 as producers have died.
end() {
	local name until status file
	for name in "${!pid_of[@]}"; do
		attached "$name"
	done
	until=$(($(now_ms) + margin_ms))
	kill -TERM "${pid_of[holder]}"
	for name in holder "${!pid_of[@]}"; do
		[ -n "${pid_of[$name]:-}" ] || continue # the holder is first
		ends "$name" "$until"
		case $name:$status in holder:143 | *:0 | *:4) ;; *) fail "$name ended with $status" ;; esac
	done
	until [ "$(wc -l <"$scratch/trickled")" -eq "$trickles" ]; do
		[ "$(now_ms)" -lt "$until" ] || fail "somebody's output is still open"
		nap 5
	done
	# Those that were killed may have left half a line: this ends it, and marks it.
	for file in "${killed[@]}"; do
		echo '~' >>"$file"
	done
}

# What is left when the consumers have ended, and the groups, and with them the channel.
remove() {
	local group left
	for group in "${!share[@]}"; do
		timeout 20 "$tools/shm-consume" "${options[@]}" -g "$group" -e >"$scratch/rest" || [ $? -eq 4 ]
		left=$(wc -l <"$scratch/rest")
		[ "$left" -eq 0 ] || fail "group $group: $left lines were left behind"
		timeout 20 "$tools/shm-consume" -q -C "$channel" --remove-group "$group"
	done
	[ ! -e "${objects[0]}" ] || fail 'the channel was left behind'
}

account() {
	local group
	for group in "${!share[@]}"; do
		echo "group $group ${kills_in[$group]:-0} ${share[$group]}"
	done | sort >>"$scratch/facts"
	echo "$line_awk" >"$scratch/line.awk"
	awk -v lines="$lines" -f "$scratch/line.awk" -f scripts/crash-crowd.awk "$scratch/facts" \
		"$scratch"/out.*
}

limit $((seconds + 2 * margin_ms / 1000 + 30))
: >"$scratch/trickled"
# As long as this producer is there, which is never harmed, no consumer sees an end.
start holder "$tools/shm-produce" "${options[@]}" --groups a,b,c <>"$scratch/never"
for ((i = 0; i < consumers; i++)); do
	for group in "${!share[@]}"; do
		start_consumer "$group"
	done
done
# Who is alone takes more than its share.
for name in "${!pid_of[@]}"; do
	attached "$name"
done
for ((i = 0; i < producers; i++)); do
	start_producer "$i" 0
done
at_work=$producers
run
end
remove
echo "$producers producers, $consumers consumers in each of ${#share[@]} groups, $lines lines each:" \
	"$kills killed ($producers_killed of them producers), $stops stopped and continued"
account
