#!/bin/sh
# trace-demo.sh: makes the handshake visible.
#
#   trace-demo.sh [FOLDER]    a consumer and a producer of three messages write FOLDER/trace.json,
#                             for ui.perfetto.dev, and FOLDER/handshake.svg is drawn from it [.]
#   trace-demo.sh -f TRACE    prints TRACE as strict JSON: with its "]", and without a line that a
#                             killed process has left unfinished
set -eu

fail() {
	echo "trace-demo: $*" >&2
	exit 1
}

# A line that was left unfinished has no comma at its end, or another one's event behind it.
finish() {
	awk '
	BEGIN { print "[" }
	/^{"name":"[^"]*","ph":"[A-Za-z]","pid":.*},$/ && gsub(/"ph":/, "&") == 1 {
		if (held != "") print held ","
		held = substr($0, 1, length($0) - 1)
	}
	END { if (held != "") print held; print "]" }
	' "$1"
}

usage() {
	echo "usage: $0 [FOLDER] | -f TRACE" >&2
	exit 2
}

here=$(dirname "$0")
BUILD=${BUILD:-$here/../build}

case ${1-} in
-f)
	[ $# -eq 2 ] || usage
	[ -r "$2" ] || fail "cannot read \"$2\""
	finish "$2"
	exit
	;;
-*) usage ;;
esac
[ $# -le 1 ] || usage
folder=${1:-.}

if [ ! -x "$BUILD/shm-produce" ] || [ ! -x "$BUILD/shm-consume" ]; then
	fail "no tools in \"$BUILD\": run make first"
fi
mkdir -p "$folder" || fail "cannot make \"$folder\""
raw=$folder/trace.raw.$$
channel=trace-demo.$$
consumer=
clean_up() {
	[ -z "$consumer" ] || kill "$consumer" 2>/dev/null || :
	rm -f "$raw" "/dev/shm/shm-channel.$(id -u).$channel"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Waits until the trace says so; what is written before a sleep is there when the process sleeps.
wait_for() {
	tries=0
	until grep -q "$1" "$raw" 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 1000 ] || fail "waited in vain for \"$1\" in the trace"
		sleep 0.01
	done
}

# The consumer finds nothing and sleeps; then three messages are sent, and the producer waits until
# they are acknowledged. Neither spins, so that each wait is a sleep.
run_pair() {
	rm -f "$raw"
	"$BUILD/shm-consume" -C "$channel" -w 20 --spin off --trace "$raw" >/dev/null &
	consumer=$!
	wait_for '"wait for data","ph":"B"'
	"$BUILD/shm-produce" -C "$channel" -w 20 --spin off --trace "$raw" --wait-ack \
		one two three || fail "shm-produce ended with status $?"
	status=0
	wait "$consumer" || status=$?
	consumer=
	[ $status -eq 0 ] || fail "shm-consume ended with status $status"
}

# Each wakes the other at least once. On a busy machine all may be acknowledged before the producer
# has come to wait for it: then once more.
shows_all() {
	grep -q '"wait for acknowledgement","ph":"B"' "$raw" &&
		[ "$(grep '"ph":"f"' "$raw" | sed 's/.*"pid":\([0-9]*\),.*/\1/' | sort -u | wc -l)" -eq 2 ]
}

runs=1
run_pair
while ! shows_all && [ $runs -lt 50 ]; do
	runs=$((runs + 1))
	run_pair
done

finish "$raw" >"$folder/trace.json" || fail "cannot write \"$folder/trace.json\""
if command -v jq >/dev/null; then
	jq -e 'type == "array" and length > 20' "$folder/trace.json" >/dev/null ||
		fail "\"$folder/trace.json\" is not valid JSON"
else
	echo "trace-demo: jq is not installed, so the JSON is not validated" >&2
fi
awk -f "$here/trace-svg.awk" "$folder/trace.json" >"$folder/handshake.svg" ||
	fail "cannot draw \"$folder/handshake.svg\""
echo "$folder/trace.json     open it in https://ui.perfetto.dev"
echo "$folder/handshake.svg  the same as a picture"
