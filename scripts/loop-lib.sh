# shellcheck shell=bash
# What the loops (crash-loop.sh, damage-loop.sh, ...) have in common; they source it from the
# top folder. A loop has `set -euo pipefail`, has its name in `loop` and its objects' paths in
# `objects`, which go when it ends; what its processes say is in $scratch/errors*.

: "${loop:?}" "${objects[0]:?}"
# A survivor of a death goes on within three seconds; who has not by then never will.
stuck_ms=15000
# shellcheck disable=SC2034 # for what is left when the harm is over
margin_ms=30000
tools=${BUILD:-build}
# What whoever runs this has configured for the tools is not to matter.
export XDG_CONFIG_HOME=/nonexistent
unset SHM_CONFIG
scratch=$(mktemp -d)
declare -A pid_of # name -> pid of those that were started and not reaped

# need PROGRAM...: all of them are built, or the loop ends.
need() {
	local program
	for program in "$@"; do
		[ -x "$tools/$program" ] || {
			echo "$loop: $tools/$program is not built: make all programs" >&2
			exit 1
		}
	done
}

clean_up() {
	local pid
	for pid in "${pid_of[@]}" ${watch:+"$watch"}; do
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	rm -rf "$scratch" "${objects[@]}"
}
trap clean_up EXIT

now_ms() {
	local t=${EPOCHREALTIME/[.,]/}
	echo $((t / 1000))
}

# nap MS: up to that long. Only to let the harm fall anywhere, never to wait for something.
nap() {
	local us
	printf -v us %06d $(((RANDOM << 15 | RANDOM) % ($1 * 1000)))
	read -rt "0.$us" <>"$scratch/never" || true
}
mkfifo "$scratch/never"

# start NAME COMMAND...: standard input and output are the caller's; without "<&0" the shell
# would give it /dev/null.
start() {
	local name=$1
	shift
	"$@" <&0 &
	pid_of[$name]=$!
}

# A process that has ended and is not reaped does not run.
running() {
	local stat
	{ read -r stat <"/proc/${pid_of[$1]}/stat"; } 2>/dev/null || return 1
	case ${stat##*) } in Z* | X*) return 1 ;; esac
}

# reap NAME: waits for its end; its exit status is in `status`.
reap() {
	status=0
	# shellcheck disable=SC2034 # the loops use it
	wait "${pid_of[$1]}" 2>/dev/null || status=$?
	unset "pid_of[$1]"
}

# stop_a_moment NAME MS: for up to that long. It may have ended.
stop_a_moment() {
	local pid=${pid_of[$1]}
	kill -STOP "$pid" 2>/dev/null || return 1
	nap "$2"
	kill -CONT "$pid" 2>/dev/null || true
}

# fail WHAT: says it, and who is still there, and how; the loop ends.
fail() {
	local name pid stat
	echo "$loop: $*" >&2
	for name in "${!pid_of[@]}"; do
		running "$name" || continue
		pid=${pid_of[$name]}
		stat=$(cat "/proc/$pid/stat") || continue
		stat=${stat##*) }
		echo "$loop: $name (process $pid) is there: ${stat%% *}," \
			"$(tr '\0' ' ' <"/proc/$pid/cmdline"), $(cat "/proc/$pid/wchan" || true)" >&2
	done
	cat "$scratch"/errors* >&2 || true
	exit 1
}

# maps_object NAME: does it map the object? By its inode: to its creator it had no name.
maps_object() {
	local inode
	inode=$(stat -c %i "${objects[0]}" 2>/dev/null) &&
		awk -v inode="$inode" '$5 == inode { found = 1 } END { exit !found }' \
			"/proc/${pid_of[$1]}/maps" 2>/dev/null
}

# attached NAME: waits until it is. An endpoint maps the object under the lock that attaching
# and leaving need, so whoever comes or leaves later finds it there.
attached() {
	local until
	until=$(($(now_ms) + stuck_ms))
	until maps_object "$1"; do
		running "$1" || fail "$1 ended before the end"
		[ "$(now_ms)" -lt "$until" ] || fail "$1 does not attach"
		nap 2
	done
}

# ends NAME UNTIL_MS: waits for its end until then; its exit status is in `status`.
ends() {
	while running "$1"; do
		[ "$(now_ms)" -lt "$2" ] || fail "$1 does not end"
		nap 2
	done
	reap "$1"
}

# limit SECONDS: then the loop ends in any case, by `fail`, which is the loop's own.
limit() {
	trap 'fail "does not end"' TERM
	(
		read -rt "$1" <>"$scratch/never" || kill -TERM $$
	) &
	watch=$!
}
