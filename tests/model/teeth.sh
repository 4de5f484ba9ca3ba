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
fails claim.pml "owed==0" "a follower tells an end that it goes on through" -DMESSAGES=1 -DCONSUMERS=1 -DKILLS=1 -DFOLLOWERS=1 -DTELL_IN_PASSING
fails claim.pml "told_most" "who ended first and leaves last takes back what was told" -DPRODUCERS=2 -DMESSAGES=0 -DKILLS=0 -DTOLD_GOES_BACK
fails claim.pml "given" "next not repaired" -DMESSAGES=1 -DNO_REPAIR
fails sleep.pml "invalid end state" "no fence between publishing and looking for waiters" -DNO_FENCE
fails sleep.pml "next<tail" "not passed on by who has claimed" -DLONG -DSLOW -DNO_PASS_ON
fails sleep.pml "invalid end state" "not passed on by who leaves" -DLEAVERS=1 -DNO_SIGNAL_ON_LEAVING
fails semaphore.pml "word" "the kernel does not look whether there is a token" -DNO_KERNEL_LOOK
fails semaphore.pml "got" "a sleeper announces itself over a token" -DPLAIN_ANNOUNCE
fails semaphore.pml "word" "woken is who has not said that it sleeps" -DWAKE_IF_NONE
fails alone.pml "writer" "a newcomer does not look who writes" -DMESSAGES=1 -DNO_SETTLE
fails alone.pml "writer" "no fence between writing and who is attached" -DMESSAGES=1 -DNO_FENCE
fails alone.pml "writer" "no look at who is attached after writing is set" -DMESSAGES=1 -DNO_SECOND_LOOK
fails alone.pml "writer" "who attaches has no heavy fence" -DASYMMETRIC -DMESSAGES=1 -DNO_HEAVY_ATTACH
fails alone.pml "head==tail" "who sleeps has no heavy fence" -DASYMMETRIC -DMESSAGES=1 -DNO_HEAVY_SLEEP
fails alone.pml "turn!=0" "a lone producer does not wake who waits for it" -DMESSAGES=1 -DNO_TURN_WAKE
fails alone.pml "head==tail" "no fence between tail and who sleeps" -DMESSAGES=1 -DNO_LAST_FENCE
fails alone.pml "writing" "writing not cleared by the burial" -DMESSAGES=1 -DKILLS=1 -DNO_BURIAL
fails alone.pml "t-h" "head read only before tail, beside a lone producer" -DCHECKS -DCAPACITY=1 -DHEAD_ONCE
fails alone.pml "h!=t" "a mark looked for only once" -DMESSAGES=3 -DCHECKS -DTAIL_ONCE
fails alone.pml "h!=t" "a mark looked for only once, by who buries" -DASYMMETRIC -DPRODUCERS=3 -DOTHERS=0 -DKILLS=1 -DVICTIM=1 -DNO_CONSUMER -DTAIL_ONCE
fails alone.pml "h!=t" "tail looked at again before the marks" -DMESSAGES=3 -DCHECKS -DTAIL_EARLY
fails alone.pml "alone_tail" "events read before writing is set" -DEVENTS_EARLY
fails alone.pml "alone_tail" "events read after the look at who is attached" -DEVENTS_LATE
fails alone.pml "alone_tail" "who attaches does not count" -DNO_COUNT
fails fences.pml "invalid end state" "a newcomer without membarrier waits for nobody" -DNO_AGREEMENT
fails fences.pml "invalid end state" "who agrees has fences only later" -DLATE
fails fences.pml "invalid end state" "who has agreed calls membarrier no longer" -DGIVES_UP
fails batch.pml "wish==0" "no fence between done and who waits" -DSLOW -DNO_FENCE
fails batch.pml "wish==0" "no catching up before the sleep" -DSLOW -DNO_CATCH_UP
fails batch.pml "waiting_ack" "who has caught up wakes nobody" -DSLOW -DNO_WAKE
fails batch.pml "acked" "a claim cut off before next" -DKILLS=1 -DLEAVERS=1 -DRECORDS=2 -DCONSUMERS=2 -DPRODUCERS=0 -DCLAIM_FIRST
fails batch.pml "acked" "done not looked at by who buries" -DKILLS=1 -DRECORDS=2 -DCONSUMERS=2 -DPRODUCERS=0 -DNO_DONE
fails groups.pml "(state[0]/8)!=(state[1]/8)" "a removed group's name, then its durability" -DDECLARE -DREMOVE -DCONSUMERS=1 -DRENAME_FIRST
fails groups.pml "head==tail" "whom a slot belonged to is not forgotten" -DKILLS=0 -DCONSUMERS=3 -DRECORDS=1 -DCAPACITY=1 -DNO_FORGET
fails groups.pml "(state[0]!=0)||(state[1]!=0)" "the last group ends, too" -DNO_KEEPER
fails groups.pml "promise[0]" "head does not wait for the slowest group" -DKILLS=0 -DOWN_HEAD
fails groups.pml "promise[0]" "a new group does not begin at head" -DKILLS=0 -DBEGIN_AT_ZERO
fails groups.pml "due[mine]" "next of another group not repaired" -DNO_REPAIR
fails groups.pml "promise[1]" "a durable group ends" -DKILLS=0 -DRECORDS=1 -DCAPACITY=1 -DDECLARE -DALWAYS_ENDS
fails groups.pml "head==tail" "a group that is over does not end" -DKILLS=0 -DNO_TIDY
fails groups.pml "head==tail" "... if its last consumer died while leaving" -DRECORDS=1 -DCAPACITY=1 -DDECLARE -DNO_TIDY_ON_BURIAL
fails groups.pml "next[0]==head" "who leaves does not move head" -DKILLS=0 -DDECLARE -DNO_HEAD_ON_LEAVING
fails drop_old.pml "head>=wanted" "dropped although somebody has a claim" -DNO_HOLDS
fails drop_old.pml "head>=wanted" "dropped without the consumers' mutex" -DNO_MUTEX
fails drop_old.pml "head<=j" "head moves before next" -DKILLS=1 -DHEAD_FIRST
fails drop_old.pml "counted[g]==vanished[g]" "expected is not lowered to what was given back" -DNO_LOWER
fails drop_old.pml "counted[g]==vanished[g]" "nobody looks for a gap at the end" -DNO_END
fails drop_old.pml "dropped[g]<=gone" "a gap counted before expected is stored" -DKILLS=1 -DCOUNT_FIRST
fails drop_old.pml "acked[g]&vanished[g]" "tail not read again behind the mark" -DNEWEST -DMARK_ONCE
fails tap.pml "payload==(position+1)" "no frontier: only tail is compared" -DNO_FRONTIER
fails tap.pml "payload==(position+1)" "no fence between frontier and the bytes" -DNO_FENCE
fails tap.pml "payload==(position+1)" "tail is stored without release" -DNO_RELEASE
fails tap.pml "payload==(position+1)" "frontier read before the bytes" -DLOOK_FIRST
fails tap.pml "payload==(position+1)" "no look behind the payload" -DLOOK_ONCE
fails tap.pml "delivered+missed" "what is skipped is not counted" -DNO_MISS
fails attempts.pml "attempts[claim]<=" "what was not asked for stays in the claim" -DBLOCK -DRETRIES=0 -DNO_FIT
fails attempts.pml "attempts[claim]<=" "the rest inherits the attempts" -DKILLS=0 -DTOGETHER -DREST_INHERITS
fails attempts.pml "attempts[claim]<=" "what is given back untouched was handed out" -DKILLS=0 -DTOGETHER -DUNSEEN_COUNTS
fails attempts.pml "attempts[claim]>=" "an orphan has no attempts" -DKILLS=0 -DRESET
fails attempts.pml "attempts[claim]<=" "CLAIM_TOGETHER stays in other hands" -DRETRIES=0 -DTOGETHER -DFLAG_STAYS
fails attempts.pml "attempts[claim]>=" "several in one hand are not marked" -DRETRIES=0 -DTOGETHER -DNO_TOGETHER
fails attempts.pml "failures" "a try with more in the claim than in hand" -DKILLS=0 -DRETRIES=0 -DTRIES=1 -DNO_NARROW
fails attempts.pml ">=next" "a claim is cut before its rest has an entry" -DRETRIES=0 -DTOGETHER -DCUT_FIRST
fails attempts.pml ">=next" "the rest is an orphan before its claim is cut" -DRETRIES=0 -DTOGETHER -DREST_FIRST
fails attempts.pml ">=next" "what is half split stays so" -DRETRIES=0 -DTOGETHER -DNO_SPLIT_REPAIR
fails attempts.pml "failures" "a death ends a try without a failure" -DRETRIES=0 -DTRIES=1 -DDEATH_IS_NONE
fails attempts.pml "failures" "so does who leaves in good order, with one" -DKILLS=0 -DRETRIES=0 -DTRIES=1 -DRETURN_IS_ONE
exit $failed
