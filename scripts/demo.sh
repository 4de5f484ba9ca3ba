#!/bin/sh
# demo.sh: from a bare system to messages that cross, in one command.
#
# Installs a compiler and make if they are missing, builds, and runs the pair: in both start
# orders with one message, then with many lines. Exit 0: all of it was as it should be.
set -eu

[ $# -eq 0 ] || {
	echo "usage: $0" >&2
	exit 2
}

cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
# What whoever runs this has configured for the tools is not to matter.
XDG_CONFIG_HOME=/nonexistent
export BUILD XDG_CONFIG_HOME
unset SHM_CONFIG

step() {
	printf '\n== %s\n' "$*"
}

fail() {
	echo "demo: $*" >&2
	exit 1
}

step 'Set-up and build'
scripts/setup.sh build
"${MAKE:-make}" BUILD="$BUILD" || fail 'the build failed'

step 'One message, the producer first'
scripts/run-pair.sh producer-first || fail 'the pair failed with the producer first'

step 'One message, the consumer first'
scripts/run-pair.sh consumer-first || fail 'the pair failed with the consumer first'

lines=100000
channel=demo.lines.$$
scratch=$(mktemp -d)
producer=
# The channel's object, if it is there. Its name has the user's uid outside of a container.
object() {
	set -- /dev/shm/shm-channel.*."$channel"
	[ ! -e "$1" ] || echo "$1"
}
clean_up() {
	[ -z "$producer" ] || kill "$producer" 2>/dev/null || :
	rm -rf "$scratch" /dev/shm/shm-channel.*."$channel"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

step "A pipeline of $lines lines, each a message"
echo "    seq 1 $lines | shm-produce -C $channel &"
echo "    shm-consume -C $channel > received"
seq 1 $lines >"$scratch/sent"
seq 1 $lines | "$BUILD/shm-produce" -w 60 -C "$channel" &
producer=$!
"$BUILD/shm-consume" -w 60 -C "$channel" >"$scratch/received" ||
	fail "shm-consume ended with status $?"
status=0
wait "$producer" || status=$?
producer=
[ $status -eq 0 ] || fail "shm-produce ended with status $status"

# Prints lines, last line, and checksum with size.
describe() {
	echo "$(wc -l <"$1") lines, the last one \"$(tail -n 1 "$1")\", cksum $(cksum <"$1")"
}
echo "  sent:     $(describe "$scratch/sent")"
echo "  received: $(describe "$scratch/received")"
[ "$(cksum <"$scratch/sent")" = "$(cksum <"$scratch/received")" ] ||
	fail 'what was received is not what was sent'
[ -z "$(object)" ] || fail "\"$(object)\" was left behind"

step 'What happened'
cat <<END
  Two programs that know only a channel's name passed messages through shared memory.
  The producer came first:  its message stayed in shared memory until a consumer took it.
  The consumer came first:  it slept until the producer had put a message there and woke it.
  $lines lines in a row:    the same bytes came out, in the same order.
  The last one to leave removed the channel: nothing is left in /dev/shm.

  Try it in two terminals:  $BUILD/shm-consume     and   $BUILD/shm-produce "Hello"
  Run the tests:            ./scripts/test.sh
END
