#!/bin/bash
# teeth.sh: takes one rule out of the protocol at a time; spin must find what goes wrong.
# Exit 1 if it does not.
set -euo pipefail
# shellcheck source=tests/model/jobs.sh
. "$(dirname "$0")/jobs.sh"

heading "One rule removed: each must fail"
search sleep.pml "invalid end state" "no second look after the announcement" -DNO_SECOND_LOOK
search sleep.pml "invalid end state" "one bitmap for two conditions" -DLONG -DONE_BITMAP
search claim.pml "owed==0" "alive probed outside the side's mutex" -DMESSAGES=1 -DPROBE_OUTSIDE
search claim.pml "ended_tail" "an end despite another consumer's claim" -DMESSAGES=1 -DEND_DESPITE_CLAIMS
search claim.pml "now_counted" "events counted before the bit, and read once" -DMESSAGES=1 -DCONSUMERS=1 -DKILLS=0 -DCOUNT_FIRST
search claim.pml "owed==0" "a follower tells an end that it goes on through" -DMESSAGES=1 -DCONSUMERS=1 -DKILLS=1 -DFOLLOWERS=1 -DTELL_IN_PASSING
search claim.pml "told_most" "who ended first and leaves last takes back what was told" -DPRODUCERS=2 -DMESSAGES=0 -DKILLS=0 -DTOLD_GOES_BACK
search claim.pml "given" "next not repaired" -DMESSAGES=1 -DNO_REPAIR
search sleep.pml "invalid end state" "no fence between publishing and looking for waiters" -DNO_FENCE
search sleep.pml "next<tail" "not passed on by who has claimed" -DLONG -DSLOW -DNO_PASS_ON
search sleep.pml "invalid end state" "not passed on by who leaves" -DLEAVERS=1 -DNO_SIGNAL_ON_LEAVING
search semaphore.pml "word" "the kernel does not look whether there is a token" -DNO_KERNEL_LOOK
search semaphore.pml "got" "a sleeper announces itself over a token" -DPLAIN_ANNOUNCE
search semaphore.pml "word" "woken is who has not said that it sleeps" -DWAKE_IF_NONE
search alone.pml "writer" "a newcomer does not look who writes" -DMESSAGES=1 -DNO_SETTLE
search alone.pml "writer" "no fence between writing and who is attached" -DMESSAGES=1 -DNO_FENCE
search alone.pml "writer" "no look at who is attached after writing is set" -DMESSAGES=1 -DNO_SECOND_LOOK
search alone.pml "writer" "who attaches has no heavy fence" -DASYMMETRIC -DMESSAGES=1 -DNO_HEAVY_ATTACH
search alone.pml "head==tail" "who sleeps has no heavy fence" -DASYMMETRIC -DMESSAGES=1 -DNO_HEAVY_SLEEP
search alone.pml "turn!=0" "a lone producer does not wake who waits for it" -DMESSAGES=1 -DNO_TURN_WAKE
search alone.pml "head==tail" "no fence between tail and who sleeps" -DMESSAGES=1 -DNO_LAST_FENCE
search alone.pml "writing" "writing not cleared by the burial" -DMESSAGES=1 -DKILLS=1 -DNO_BURIAL
search alone.pml "t-h" "head read only before tail, beside a lone producer" -DCHECKS -DCAPACITY=1 -DHEAD_ONCE
search alone.pml "h!=t" "a mark looked for only once" -DMESSAGES=3 -DCHECKS -DTAIL_ONCE
search alone.pml "h!=t" "a mark looked for only once, by who buries" -DASYMMETRIC -DPRODUCERS=3 -DOTHERS=0 -DKILLS=1 -DVICTIM=1 -DNO_CONSUMER -DTAIL_ONCE
search alone.pml "h!=t" "tail looked at again before the marks" -DMESSAGES=3 -DCHECKS -DTAIL_EARLY
search alone.pml "alone_tail" "events read before writing is set" -DEVENTS_EARLY
search alone.pml "alone_tail" "events read after the look at who is attached" -DEVENTS_LATE
search alone.pml "alone_tail" "who attaches does not count" -DNO_COUNT
search fences.pml "invalid end state" "a newcomer without membarrier waits for nobody" -DNO_AGREEMENT
search fences.pml "invalid end state" "who agrees has fences only later" -DLATE
search fences.pml "invalid end state" "who has agreed calls membarrier no longer" -DGIVES_UP
search batch.pml "wish==0" "no fence between done and who waits" -DSLOW -DNO_FENCE
search batch.pml "wish==0" "no catching up before the sleep" -DSLOW -DNO_CATCH_UP
search batch.pml "waiting_ack" "who has caught up wakes nobody" -DSLOW -DNO_WAKE
search batch.pml "acked" "a claim cut off before next" -DKILLS=1 -DLEAVERS=1 -DRECORDS=2 -DCONSUMERS=2 -DPRODUCERS=0 -DCLAIM_FIRST
search batch.pml "acked" "done not looked at by who buries" -DKILLS=1 -DRECORDS=2 -DCONSUMERS=2 -DPRODUCERS=0 -DNO_DONE
search batch.pml "delivered_end" "a repair does not raise next over what was claimed at once" -DKILLS=1 -DRECORDS=3 -DBATCH=3 -DCONSUMERS=2 -DPRODUCERS=0 -DNO_REPAIR
search groups.pml "(state[0]/8)!=(state[1]/8)" "a removed group's name, then its durability" -DDECLARE -DREMOVE -DCONSUMERS=1 -DRENAME_FIRST
search groups.pml "head==tail" "whom a slot belonged to is not forgotten" -DKILLS=0 -DCONSUMERS=3 -DRECORDS=1 -DCAPACITY=1 -DNO_FORGET
search groups.pml "(state[0]!=0)||(state[1]!=0)" "the last group ends, too" -DNO_KEEPER
search groups.pml "promise[0]" "head does not wait for the slowest group" -DKILLS=0 -DOWN_HEAD
search groups.pml "promise[0]" "a new group does not begin at head" -DKILLS=0 -DBEGIN_AT_ZERO
search groups.pml "due[mine]" "next of another group not repaired" -DNO_REPAIR
search groups.pml "promise[1]" "a durable group ends" -DKILLS=0 -DRECORDS=1 -DCAPACITY=1 -DDECLARE -DALWAYS_ENDS
search groups.pml "head==tail" "a group that is over does not end" -DKILLS=0 -DNO_TIDY
search groups.pml "head==tail" "... if its last consumer died while leaving" -DRECORDS=1 -DCAPACITY=1 -DDECLARE -DNO_TIDY_ON_BURIAL
search groups.pml "next[0]==head" "who leaves does not move head" -DKILLS=0 -DDECLARE -DNO_HEAD_ON_LEAVING
search drop_old.pml "head>=wanted" "dropped although somebody has a claim" -DNO_HOLDS
search drop_old.pml "head>=wanted" "dropped without the consumers' mutex" -DNO_MUTEX
search drop_old.pml "head<=j" "head moves before next" -DKILLS=1 -DHEAD_FIRST
search drop_old.pml "counted[g]==vanished[g]" "expected is not lowered to what was given back" -DNO_LOWER
search drop_old.pml "counted[g]==vanished[g]" "nobody looks for a gap at the end" -DNO_END
search drop_old.pml "dropped[g]<=gone" "a gap counted before expected is stored" -DKILLS=1 -DCOUNT_FIRST
search drop_old.pml "acked[g]&vanished[g]" "tail not read again behind the mark" -DNEWEST -DMARK_ONCE
search tap.pml "payload==(position+1)" "no frontier: only tail is compared" -DNO_FRONTIER
search tap.pml "payload==(position+1)" "no fence between frontier and the bytes" -DNO_FENCE
search tap.pml "payload==(position+1)" "tail is stored without release" -DNO_RELEASE
search tap.pml "payload==(position+1)" "frontier read before the bytes" -DLOOK_FIRST
search tap.pml "payload==(position+1)" "no look behind the payload" -DLOOK_ONCE
search tap.pml "delivered+missed" "what is skipped is not counted" -DNO_MISS
search attempts.pml "attempts[claim]<=" "what was not asked for stays in the claim" -DBLOCK -DRETRIES=0 -DNO_FIT
search attempts.pml "attempts[claim]<=" "the rest inherits the attempts" -DKILLS=0 -DTOGETHER -DREST_INHERITS
search attempts.pml "attempts[claim]<=" "what is given back untouched was handed out" -DKILLS=0 -DTOGETHER -DUNSEEN_COUNTS
search attempts.pml "attempts[claim]>=" "an orphan has no attempts" -DKILLS=0 -DRESET
search attempts.pml "attempts[claim]<=" "CLAIM_TOGETHER stays in other hands" -DRETRIES=0 -DTOGETHER -DFLAG_STAYS
search attempts.pml "attempts[claim]>=" "several in one hand are not marked" -DRETRIES=0 -DTOGETHER -DNO_TOGETHER
search attempts.pml "failures" "a try with more in the claim than in hand" -DKILLS=0 -DRETRIES=0 -DTRIES=1 -DNO_NARROW
search attempts.pml ">=next" "a claim is cut before its rest has an entry" -DRETRIES=0 -DTOGETHER -DCUT_FIRST
search attempts.pml ">=next" "the rest is an orphan before its claim is cut" -DRETRIES=0 -DTOGETHER -DREST_FIRST
search attempts.pml ">=next" "what is half split stays so" -DRETRIES=0 -DTOGETHER -DNO_SPLIT_REPAIR
search attempts.pml "failures" "a death ends a try without a failure" -DRETRIES=0 -DTRIES=1 -DDEATH_IS_NONE
search attempts.pml "failures" "so does who leaves in good order, with one" -DKILLS=0 -DRETRIES=0 -DTRIES=1 -DRETURN_IS_ONE
finish
exit $failed
