#!/bin/bash
# jobs.sh: sourced by run.sh and teeth.sh, which search many models: as many at a time as there are
# processors. A search takes one processor, and up to 2 GB of memory. `failed` is theirs to read.
# shellcheck disable=SC2034

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
failed=0
processors=$(nproc)

command -v spin >/dev/null || {
	echo "model: spin is not installed (Debian: apt install spin)" >&2
	exit 1
}

# search MODEL EXPECTED NAME [-DSWITCH...]: starts check.sh, when fewer searches than that go on.
search() {
	while [ "$(jobs -rp | wc -l)" -ge "$processors" ]; do
		wait -n || failed=1
	done
	"$here/check.sh" "$@" &
}

# Waits for all searches that go on.
finish() {
	local status
	while :; do
		status=0
		wait -n || status=$?
		[ $status -ne 127 ] || break # there is none
		[ $status -eq 0 ] || failed=1
	done
}

# heading TEXT: stands over the searches that follow.
heading() {
	finish
	echo "$1"
}
