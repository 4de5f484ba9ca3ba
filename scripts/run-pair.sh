#!/bin/sh
# run-pair.sh producer-first|consumer-first [BUILD_DIR]: one message through a fresh channel.
#
# Only runs what is built, in $BUILD or build/. Exit 0: what came out is what went in.
set -eu

usage() {
	echo "usage: $0 producer-first|consumer-first [BUILD_DIR]" >&2
	exit 2
}

[ $# -eq 1 ] || [ $# -eq 2 ] || usage
order=$1
case $order in
producer-first | consumer-first) ;;
*) usage ;;
esac

cd "$(dirname "$0")/.."
build=${2:-${BUILD:-build}}
for tool in shm-produce shm-consume; do
	if [ ! -x "$build/$tool" ]; then
		echo "run-pair: there is no \"$build/$tool\" yet: type make" >&2
		exit 1
	fi
done

message='Hello from the producer'
channel=demo.pair.$$
timeout=20
# What whoever runs this has configured for the tools is not to matter.
XDG_CONFIG_HOME=/nonexistent
export XDG_CONFIG_HOME
unset SHM_CONFIG
consumer=
scratch=$(mktemp -d)

# The channel's object, if it is there. Its name has the user's uid outside of a container.
object() {
	set -- /dev/shm/shm-channel.*."$channel"
	[ ! -e "$1" ] || echo "$1"
}

clean_up() {
	[ -z "$consumer" ] || kill "$consumer" 2>/dev/null || :
	rm -rf "$scratch" /dev/shm/shm-channel.*."$channel"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Both tell their story into one file, each line added at its end: that is the order it happened in.
story=$scratch/story
: >"$story"
tell_story() {
	sed 's/^/    /' "$story"
}

fail() {
	tell_story
	echo "  wrong: $*"
	exit 1
}

produce() {
	"$build/shm-produce" -v -w $timeout -C "$channel" "$message" 2>>"$story"
}

start_consumer() {
	"$build/shm-consume" -v -w $timeout -C "$channel" >"$scratch/output" 2>>"$story" &
	consumer=$!
}

# Until the consumer has nothing to do but to wait. -w ends one that never gets there.
await_consumer() {
	until grep -q '^consumer: waiting for data' "$story"; do
		kill -0 "$consumer" 2>/dev/null || return 1
		sleep 0.05 2>/dev/null || sleep 1
	done
}

case $order in
producer-first)
	echo '  The producer starts first and is done before there is a consumer.'
	produce || fail "shm-produce ended with status $?"
	[ -n "$(object)" ] || fail "the message is not in /dev/shm"
	start_consumer
	;;
consumer-first)
	echo '  The consumer starts first and waits; then the producer starts.'
	start_consumer
	await_consumer || fail 'shm-consume ended before there was a producer'
	produce || fail "shm-produce ended with status $?"
	;;
esac
status=0
wait "$consumer" || status=$?
consumer=
[ $status -eq 0 ] || fail "shm-consume ended with status $status"

tell_story
echo '  What the consumer wrote to its standard output:'
sed 's/^/    /' "$scratch/output"

printf '%s\n' "$message" >"$scratch/input"
: >"$story"
[ "$(cksum <"$scratch/input")" = "$(cksum <"$scratch/output")" ] ||
	fail "that is not the message \"$message\""
[ -z "$(object)" ] || fail "\"$(object)\" was left behind"
echo '  That is the message, and nothing is left in /dev/shm.'
