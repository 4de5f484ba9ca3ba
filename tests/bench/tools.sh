#!/bin/bash
# tools.sh [-r ROUNDS] [-m MIB] [-p NAME,...]: the tools beside others that do the same. One line
# of JSON for each scene and peer.
#
#   file        a file to /dev/null; of lines of 100 bytes, and for us also of 7 and 700
#   count       a file through a pipe to wc -c
#   seq         the output of seq to /dev/null
#   message-*   one short message: its receiver asleep, and both started together; for us also
#               with a ring of 16 KiB
#
# The peers have their turns in each round. What goes to /dev/null cannot be looked at, so each
# of them first has to bring the same bytes to cmp, which is not measured.
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=5 mib=1024 only=
while getopts r:m:p: option; do
	case $option in
	r) rounds=$OPTARG ;;
	m) mib=$OPTARG ;;
	p) only=,$OPTARG, ;;
	*)
		echo "usage: $0 [-r ROUNDS] [-m MIB] [-p NAME,...]" >&2
		exit 2
		;;
	esac
done

build=${BUILD:-build}
unset SHM_CHANNEL SHM_CONFIG
export XDG_CONFIG_HOME=/nonexistent
channel=bench.$$
scratch=$(mktemp -d)
fifo=$scratch/fifo
socket=$scratch/socket
mkfifo "$fifo"
clean_up() {
	local pid
	for pid in $(jobs -p); do
		kill "$pid" 2>/dev/null || :
	done
	rm -rf "$scratch" "/dev/shm/shm-channel.$(id -u).$channel"
}
trap clean_up EXIT

# ---- the ways: a file, or standard input, to standard output ----

# /dev/stdin by name: bash gives what runs in the background no standard input otherwise.

way_shm() {
	"$build/shm-produce" -q -C "$channel" <"${1:-/dev/stdin}" &
	"$build/shm-consume" -q -C "$channel"
	wait $!
}
way_fifo() {
	cat <"${1:-/dev/stdin}" >"$fifo" &
	cat "$fifo"
	wait $!
}
way_pv() {
	pv -q <"${1:-/dev/stdin}" >"$fifo" &
	pv -q "$fifo"
	wait $!
}
way_mbuffer() {
	mbuffer -q -s 256k <"${1:-/dev/stdin}" >"$fifo" &
	mbuffer -q -s 256k -i "$fifo"
	wait $!
}
way_socat() {
	rm -f "$socket"
	socat -u -b262144 - "UNIX-LISTEN:$socket" <"${1:-/dev/stdin}" &
	socat -u -b262144 "UNIX-CONNECT:$socket,retry=1000,interval=0.001" -
	wait $!
}
# The limits: nothing in between, and only the pipe that wc, or any program behind seq, reads from.
way_direct() {
	cat <"${1:-/dev/stdin}"
}

kind() {
	case $1 in
	shm) echo ours ;;
	direct | pipe) echo limit ;;
	*) echo peer ;;
	esac
}

ways=()
for way in shm socat fifo pv mbuffer direct; do
	case $only in '' | *,$way,*) ;; *) continue ;; esac
	case $way in
	socat | pv | mbuffer)
		if ! command -v "$way" >/dev/null; then
			echo "{\"scene\":\"missing\",\"peer\":\"$way\",\"packages\":\"$way\"}"
			continue
		fi
		;;
	esac
	ways+=("$way")
done

# ---- measuring ----

declare -A taken # scene and way -> milliseconds of each round
failures=0

clock_us() {
	echo "${EPOCHREALTIME/[.,]/}"
}

# take SCENE WAY COMMAND...: runs it once and remembers how long it took.
take() {
	local key=$1.$2 began ended
	shift 2
	began=$(clock_us)
	if "$@"; then
		ended=$(clock_us)
		taken[$key]="${taken[$key]-} $((ended - began))"
	else
		echo "tools: ${key/./, }: failed" >&2
		failures=$((failures + 1))
	fi
}

to_null() {
	"way_$1" "$2" >/dev/null
}
counted() {
	[ "$("way_$1" "$2" | wc -c)" -eq "$(stat -c %s "$2")" ]
}
numbers() {
	seq "$count" | "way_$1" '' >/dev/null
}
# The generator alone; "cat" after it would be one process more.
numbers_direct() {
	seq "$count" >/dev/null
}
numbers_pipe() {
	seq "$count" | cat >/dev/null
}
same() {
	if ! "way_$1" "$2" | cmp - "$2" || ! seq 100000 | "way_$1" '' | cmp - <(seq 100000); then
		echo "tools: $1 brought other bytes" >&2
		exit 1
	fi
}

# report SCENE BYTES WAY...
report() {
	local scene=$1 bytes=$2 way
	shift 2
	for way in "$@"; do
		[ -n "${taken[$scene.$way]-}" ] || continue
		tr ' ' '\n' <<<"${taken[$scene.$way]# }" | sort -n | awk -v scene="$scene" \
			-v way="$way" -v kind="$(kind "$way")" -v bytes="$bytes" '
			{ speed[NR] = bytes / $1 * 1e6 }
			END {
				printf "{\"scene\":\"%s\",\"peer\":\"%s\",\"kind\":\"%s\",\"unit\":\"bytes/s\",",
					scene, way, kind
				printf "\"bytes\":%d,\"failures\":0,\"rounds\":[", bytes
				for (i = 1; i <= NR; i++)
					printf "%s%.6g", i == 1 ? "" : ",", speed[i]
				printf "],\"median\":%.6g,\"min\":%.6g,\"max\":%.6g}\n",
					(speed[int((NR + 1) / 2)] + speed[int(NR / 2) + 1]) / 2,
					speed[NR], speed[1]
			}'
	done
}

# lines BYTES: a file of lines of that many bytes, newline included. Written in large pieces: what
# is read from the page cache comes as fast as the pieces are large that it went in.
lines() {
	local line
	line=$(printf '%*s' $(($1 - 1)) '' | tr ' ' x)
	yes "$line" | dd of="$scratch/lines.$1" bs=1M count="$mib" iflag=fullblock status=none ||
		[ "${PIPESTATUS[1]}" -eq 0 ]
}

for size in 7 100 700; do
	lines $size
done
file=$scratch/lines.100
count=$((mib << 16)) # some 9 bytes each
for way in "${ways[@]}"; do
	same "$way" "$file"
done
for ((round = 0; round < rounds; round++)); do
	for way in "${ways[@]}"; do
		take file "$way" to_null "$way" "$file"
		take count "$way" counted "$way" "$file"
		if [ "$way" = direct ]; then
			take seq direct numbers_direct
			take seq pipe numbers_pipe
		else
			take seq "$way" numbers "$way"
		fi
		if [ "$way" = shm ]; then
			take file-7 shm to_null shm "$scratch/lines.7"
			take file-700 shm to_null shm "$scratch/lines.700"
		fi
	done
done
report file $((mib << 20)) "${ways[@]}"
report count $((mib << 20)) "${ways[@]}"
report seq "$(seq "$count" | wc -c)" "${ways[@]}" pipe
report file-7 $((mib << 20)) shm
report file-700 $((mib << 20)) shm

echo hello >"$scratch/message"
pairs=(shm "$build/shm-consume -q -C $channel" "$build/shm-produce -q -C $channel hello")
if [ -z "$only" ]; then
	small="-q --size 16K -C $channel"
	pairs+=(shm-16K "$build/shm-consume $small" "$build/shm-produce $small hello")
	pairs+=(fifo "cat <$fifo" "cat <$scratch/message >$fifo")
	pairs+=(fifo-memory "$build/bench/startup memory $fifo" "cat <$scratch/message >$fifo")
	pairs+=(spawn "cat $scratch/message" true)
fi
for way in asleep together; do
	"$build/bench/startup" -r $((rounds * 8)) hello $way "${pairs[@]}" || failures=$((failures + 1))
done
[ $failures -eq 0 ]
