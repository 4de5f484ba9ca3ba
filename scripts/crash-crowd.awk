# Accounts for the lines of crash-crowd.sh. The first file says what there was: "life PRODUCER
# LIFE FIRST", "whole PRODUCER LIFE", "group NAME KILLS SHARE". The others are the consumers'
# output, out.GROUP.CONSUMER; in that of a killed one, what ends with "~" was not written out.
# Prints the counts of each group; exit status 1 if a line is lost, torn or invented, or more
# of them came again or out of order than the killed consumers had in hand.

function wrong(what) {
	if (++told <= 20)
		print what
	bad = 1
}

NR == FNR {
	if ($1 == "life")
		first[$2 "." $3] = $4
	else if ($1 == "whole")
		whole[$2 "." $3] = 1
	else {
		killed[$2] = $3
		may[$2] = $3 * $4
		groups[++group_count] = $2
	}
	next
}

FNR == 1 {
	count = split(FILENAME, part, ".")
	group = part[count - 1]
	split("", last)
}

/~$/ { next }

{
	split($1, part, ".")
	producer = substr(part[1], 2)
	life = producer "." part[2]
	if (!(life in first) || $2 < first[life] || $2 >= lines ||
	    $0 != line(producer, part[2] + 0, $2 + 0)) {
		wrong("group " group ": torn or invented: " $0)
		torn[group]++
		next
	}
	total[group]++
	if ((group, $1, $2) in came)
		again[group]++
	came[group, $1, $2] = 1
	if (!(life in most) || $2 > most[life])
		most[life] = $2 + 0
	# A life comes after the one before; in one output the numbers of a producer rise.
	place = part[2] * lines + $2
	if ((producer in last) && place <= last[producer])
		back[group]++
	else
		last[producer] = place
}

END {
	for (life in whole)
		if (first[life] < lines && (!(life in most) || most[life] != lines - 1))
			wrong("lost: the end of p" life)
	for (g = 1; g <= group_count; g++) {
		group = groups[g]
		sent = 0
		for (life in most) {
			sent += most[life] - first[life] + 1
			for (i = first[life]; i <= most[life]; i++)
				if (!((group, "p" life, i) in came)) {
					wrong("group " group ": lost: p" life " " i)
					lost[group]++
				}
		}
		if (again[group] > may[group] || back[group] > may[group])
			wrong("group " group ": more came again, or late, than was in hand: " may[group])
		printf "group %s: %d consumers killed, %d lines sent, %d delivered, %d of them again, " \
		       "%d out of order for that, %d lost, %d torn or invented\n", group,
		       killed[group], sent, total[group], again[group], back[group], lost[group],
		       torn[group]
	}
	exit bad
}
