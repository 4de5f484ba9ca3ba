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
fails alone.pml "writer" "a newcomer does not look who writes" -DMESSAGES=1 -DNO_SETTLE
fails alone.pml "writer" "no fence between writing and who is attached" -DMESSAGES=1 -DNO_FENCE
fails alone.pml "writer" "no look at who is attached after writing is set" -DMESSAGES=1 -DNO_SECOND_LOOK
fails alone.pml "writer" "who attaches has no heavy fence" -DASYMMETRIC -DMESSAGES=1 -DNO_HEAVY_ATTACH
fails alone.pml "head==tail" "who sleeps has no heavy fence" -DASYMMETRIC -DMESSAGES=1 -DNO_HEAVY_SLEEP
fails alone.pml "turn!=0" "a lone producer does not wake who waits for it" -DMESSAGES=1 -DNO_TURN_WAKE
fails alone.pml "head==tail" "no fence between tail and who sleeps" -DMESSAGES=1 -DNO_LAST_FENCE
fails alone.pml "writing" "writing not cleared by the burial" -DMESSAGES=1 -DKILLS=1 -DNO_BURIAL
fails alone.pml "t-h" "head read only before tail, beside a lone producer" -DCHECKS -DCAPACITY=1 -DHEAD_ONCE
fails alone.pml "assertion violated 0" "a mark looked for only once" -DMESSAGES=3 -DCHECKS -DTAIL_ONCE
fails batch.pml "wish==0" "no fence between done and who waits" -DSLOW -DNO_FENCE
fails batch.pml "wish==0" "no catching up before the sleep" -DSLOW -DNO_CATCH_UP
fails batch.pml "waiting_ack" "who has caught up wakes nobody" -DSLOW -DNO_WAKE
fails batch.pml "acked" "a claim cut off before next" -DKILLS=1 -DLEAVERS=1 -DRECORDS=2 -DCONSUMERS=2 -DPRODUCERS=0 -DCLAIM_FIRST
fails batch.pml "acked" "done not looked at by who buries" -DKILLS=1 -DRECORDS=2 -DCONSUMERS=2 -DPRODUCERS=0 -DNO_DONE
exit $failed
