#!/bin/sh
# teeth.sh: takes one rule out of the protocol at a time; spin must find what goes wrong.
# Exit 1 if it does not.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
failed=0

# fails MODEL FAILURE NAME [-DSWITCH...]
fails() {
	"$here/check.sh" "$@" || failed=1
}

command -v spin >/dev/null || {
	echo "model: spin is not installed (Debian: apt install spin)" >&2
	exit 1
}

echo "One rule removed: each must fail"
fails sleep.pml "invalid end state" "no second look after the announcement" -DNO_SECOND_LOOK
fails sleep.pml "invalid end state" "one bitmap for two conditions" -DLONG -DONE_BITMAP
fails claim.pml "owed==0" "alive probed outside the side's mutex" -DMESSAGES=1 -DPROBE_OUTSIDE
fails claim.pml "ended_tail" "an end despite another consumer's claim" -DMESSAGES=1 -DEND_DESPITE_CLAIMS
fails claim.pml "now_counted" "events counted before the bit, and read once" -DMESSAGES=1 -DCONSUMERS=1 -DKILLS=0 -DCOUNT_FIRST
fails claim.pml "given" "next not repaired" -DMESSAGES=1 -DNO_REPAIR
fails sleep.pml "invalid end state" "no fence between publishing and looking for waiters" -DNO_FENCE
fails sleep.pml "next<tail" "not passed on by who has claimed" -DLONG -DSLOW -DNO_PASS_ON
fails sleep.pml "invalid end state" "not passed on by who leaves" -DLEAVERS=1 -DNO_SIGNAL_ON_LEAVING
exit $failed
