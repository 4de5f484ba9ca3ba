#!/bin/bash
# run.sh: searches all states of the models as the protocol is, then shows that they have
# teeth (teeth.sh). About 20 minutes on two processors. Exit 1 if anything is not as
# expected.
set -euo pipefail
# shellcheck source=tests/model/jobs.sh
. "$(dirname "$0")/jobs.sh"

holds() {
	local model=$1 name=$2
	shift 2
	search "$model" holds "$name" "$@"
}

heading "Nobody dies, and there is no clock: no wake-up relies on a time-out"
holds sleep.pml "sleep: two messages"
holds sleep.pml "sleep: a long message and another" -DLONG
holds sleep.pml "sleep: one consumer leaves its wait" -DLEAVERS=1
holds sleep.pml "sleep: one consumer is slow" -DLONG -DSLOW
holds sleep.pml "sleep: time-outs that come too soon" -DEARLY=1
holds semaphore.pml "semaphore: three posters, a signal handler, three waits" -DPOSTERS=3 -DWAITS=3
holds alone.pml "alone: three messages of two producers"
holds alone.pml "alone: who attaches checks, a full ring" -DCHECKS -DCAPACITY=1
holds alone.pml "alone: a message in two pieces" -DLONG -DMESSAGES=1
holds alone.pml "alone: only who attaches or sleeps has fences" -DASYMMETRIC
holds fences.pml "fences: one without membarrier comes to two that have it"
holds fences.pml "fences: more messages, more stores on their way" -DMESSAGES=5 -DSTORES=8
holds batch.pml "batch: waits for room and for an acknowledgement" -DSLOW
holds batch.pml "batch: two consumers" -DSLOW -DRECORDS=3 -DCAPACITY=2 -DCONSUMERS=2 -DPRODUCERS=1
heading "kill -9 at any step"
holds sleep.pml "sleep: two messages, one death" -DKILLS=1
holds sleep.pml "sleep: one message, two deaths" -DRECORDS=1 -DKILLS=2
holds sleep.pml "sleep: a long message and another, one death" -DLONG -DKILLS=1
holds alone.pml "alone: two messages, one death" -DMESSAGES=1 -DKILLS=1
holds alone.pml "alone: a message in two pieces, one death" -DLONG -DMESSAGES=1 -DKILLS=1
holds alone.pml "alone: only who attaches or sleeps has fences, one death" -DASYMMETRIC -DMESSAGES=1 -DKILLS=1
holds alone.pml "alone: a newcomer dies that nobody has seen" -DASYMMETRIC -DPRODUCERS=3 -DOTHERS=0 -DKILLS=1 -DVICTIM=1 -DNO_CONSUMER
holds batch.pml "batch: a wait for room, one death" -DKILLS=1 -DPRODUCERS=1
holds batch.pml "batch: three records, one death" -DKILLS=1 -DRECORDS=3 -DBATCH=3 -DCONSUMERS=2 -DPRODUCERS=0
holds batch.pml "batch: one gives back, one death" -DKILLS=1 -DLEAVERS=1 -DRECORDS=2 -DCONSUMERS=2 -DPRODUCERS=0
heading "Claims, slots and the end of the stream; kill -9 at any step"
holds claim.pml "claim: two messages, nobody dies" -DKILLS=0
holds claim.pml "claim: two messages, one is given back" -DKILLS=0 -DGIVERS=1
holds claim.pml "claim: two messages, one death" -DKILLS=1
holds claim.pml "claim: one message, given back, one death" -DMESSAGES=1 -DGIVERS=1 -DKILLS=1
holds claim.pml "claim: one message, two deaths" -DMESSAGES=1 -DKILLS=2
holds claim.pml "claim: two producers, one consumer that follows, one death" -DPRODUCERS=2 -DCONSUMERS=1 -DMESSAGES=1 -DKILLS=1 -DFOLLOWERS=1
heading "Groups over one ring, dropping the oldest, looking on, attempts; kill -9 at any step"
holds groups.pml "groups: two messages, two consumers, one death" -DKILLS=1
holds groups.pml "groups: declared, removed, one consumer, one death" -DKILLS=1 -DDECLARE -DREMOVE -DCONSUMERS=1
holds drop_old.pml "drop-old: four messages, one is given back, one death" -DKILLS=1
holds drop_old.pml "drop-old: two producers" -DPRODUCERS=2 -DMESSAGES=2
holds drop_old.pml "drop-old: two groups, one death" -DKILLS=1 -DGROUPS=2 -DMESSAGES=2 -DCAPACITY=1 -DGIVERS=0
holds drop_old.pml "drop-old: a group begins beside the producer" -DNEWEST
holds tap.pml "tap: five records in a ring of two"
holds tap.pml "tap: who writes alone, frontier ahead" -DALONE -DAHEAD=1 -DCAPACITY=3 -DRECORDS=7
holds tap.pml "tap: two producers, one death" -DKILLS=1 -DPRODUCERS=2
holds attempts.pml "attempts: given back and handed out again" -DKILLS=0
holds attempts.pml "attempts: given back, one death" -DKILLS=1 -DRETRIES=0
holds attempts.pml "attempts: several at once, one death" -DKILLS=1 -DRETRIES=0 -DTOGETHER
holds attempts.pml "attempts: a part of a block, one death" -DKILLS=1 -DRETRIES=0 -DBLOCK
holds attempts.pml "attempts: a try, one death" -DKILLS=1 -DRETRIES=0 -DTRIES=1 -DRECORDS=2
holds attempts.pml "attempts: a try with several at once" -DKILLS=0 -DRETRIES=0 -DTRIES=1 -DTOGETHER

finish
"$here/teeth.sh" || failed=1
exit $failed
