#!/bin/bash
# damage-loop.sh [ROUNDS [SECONDS]]: the real tools at work on a channel while random bytes are
# written at random places of the live object, its mutexes excepted.
#
# Whatever is hit, each tool ends with one of its own exit statuses, by its -w and two seconds
# after the last of its input. Exit status 1 comes with a message. Needs tests/fuzz_replay,
# which knows the layout. BUILD: the folder of the tools, for instance of a sanitizer build.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds_wanted=${1:-50}
seconds=${2:-120}
timeout=1
limit_ms=$(((timeout + 2) * 1000))
channel=damage.$$
object=/dev/shm/shm-channel.$(id -u).$channel
loop=damage-loop
objects=("$object")
# shellcheck source=scripts/loop-lib.sh
. scripts/loop-lib.sh
need shm-produce shm-consume tests/fuzz_replay
# A finding of a sanitizer must not look like one of the tools' own exit statuses.
export ASAN_OPTIONS=exitcode=99:${ASAN_OPTIONS:-}
export UBSAN_OPTIONS=exitcode=99:halt_on_error=1:${UBSAN_OPTIONS:-}
export LSAN_OPTIONS=exitcode=99:${LSAN_OPTIONS:-}

head -c 150000 /dev/urandom >"$scratch/long"

fail() {
	echo "damage-loop: round $rounds: $*" >&2
	echo "written: ${written[*]}" >&2
	cat "$scratch"/errors.* >&2
	exit 1
}

mapfile -t areas < <("$tools/tests/fuzz_replay" --layout)

# begin NAME TOOL [OPTION]...: standard input and output are the caller's.
begin() {
	local name=$1 tool=$2
	shift 2
	start "$name" "$tools/$tool" -q -C "$channel" -s 16K -w $timeout "$@" 2>"$scratch/errors.$name"
}

# lines BURSTS: so many, with little pauses.
lines() {
	local i
	for ((i = 0; i < $1; i++)); do
		printf '%s\n' "$i "{1..60}
		nap 4
	done
}

# damage: one to eight bytes, anywhere. Small numbers more often than chance has them.
damage() {
	local area offset size at bytes='' count=$((RANDOM % 8 + 1)) i byte
	area=${areas[RANDOM % ${#areas[@]}]}
	read -r area offset size <<<"$area"
	[ "$size" -gt 0 ] || size=16384
	at=$((offset + (RANDOM * 32768 + RANDOM) % size))
	[ $((at + count)) -le $((offset + size)) ] || count=$((offset + size - at))
	for ((i = 0; i < count; i++)); do
		byte=$((RANDOM % 2 ? RANDOM % 256 : RANDOM % 3))
		bytes+=$(printf '\\x%02x' "$byte")
	done
	[ -e "$object" ] || return 0
	# shellcheck disable=SC2059 # the format is the bytes
	printf "$bytes" | dd of="$object" bs=1 seek="$at" conv=notrunc,nocreat status=none \
		2>/dev/null || return 0
	written+=("$area+$((at - offset))=$bytes")
	writes=$((writes + 1))
}

# judge NAME SINCE_MS: waits for its end and judges it.
judge() {
	local name=$1 status took
	while running "$name"; do
		took=$(($(now_ms) - $2))
		[ "$took" -lt $limit_ms ] || fail "$name (process ${pid_of[$name]}) does not end"
		[ "$took" -le $slowest ] || slowest=$took
		nap 5
	done
	reap "$name"
	if grep -q -e Sanitizer -e 'runtime error' "$scratch/errors.$name"; then
		fail "$name: a sanitizer found something"
	fi
	case $status in
	0 | 3 | 4 | 124) ;;
	1) [ -s "$scratch/errors.$name" ] || fail "$name ended with 1 and said nothing" ;;
	*) fail "$name ended with $status" ;;
	esac
	count[status]=$((${count[status]:-0} + 1))
	if grep -q 'channel is damaged' "$scratch/errors.$name"; then
		refused=$((refused + 1))
	fi
}

round() {
	local name i hits=$((RANDOM % 12 + 1)) since
	written=()
	rm -f "$scratch"/errors.*
	begin consumer1 shm-consume >/dev/null
	begin consumer2 shm-consume -D ';;' >/dev/null
	begin producer1 shm-produce < <(lines 40)
	begin producer2 shm-produce -D ' ' < <(lines 40)
	begin producer3 shm-produce -i "$scratch/long" one two three
	for ((i = 0; i < hits; i++)); do
		nap 12
		damage
	done
	begin consumer3 shm-consume -c 100 >/dev/null
	begin producer4 shm-produce a b
	since=$(now_ms)
	for name in "${!pid_of[@]}"; do
		judge "$name" "$since"
	done
	rm -f "$object"
	rounds=$((rounds + 1))
}

rounds=0 writes=0 refused=0 slowest=0
declare -a count written
began=$(now_ms)
while [ "$rounds" -lt "$rounds_wanted" ] && [ $(($(now_ms) - began)) -lt $((seconds * 1000)) ]; do
	round
done
printf '%d rounds, %d writes; exit status' "$rounds" "$writes"
for status in "${!count[@]}"; do
	printf ' %d: %d' "$status" "${count[status]}"
done
printf '; %d times "channel is damaged"; the slowest %d ms after the last write; ' \
	"$refused" "$slowest"
echo '0 killed by a signal, 0 stuck'
