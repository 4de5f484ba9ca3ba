# Draws a trace that trace-demo.sh has made as two lanes, the producer's above the consumer's.
# Input: one event in a line, as shm-produce and shm-consume write them. Output: an SVG picture.
#
# The time is not to scale: a sleep lasts ten thousand times as long as a lock is held. The
# distance between two events grows with the logarithm of the time between them.

function text_of(key) {
	if (!match($0, "\"" key "\":\"([^\"\\\\]|\\\\.)*\"")) return ""
	return substr($0, RSTART + length(key) + 4, RLENGTH - length(key) - 5)
}

function number_of(key) {
	if (!match($0, "\"" key "\":[0-9.e+]+")) return 0
	return substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3) + 0
}

function moment(t, room) {
	if (!(t in least)) times[++time_count] = t
	if (least[t] < room) least[t] = room
}

# An event's place among the spans of its lane.
function add(kind, lane, from, to, name) {
	count++
	kinds[count] = kind; lanes[count] = lane; froms[count] = from; tos[count] = to
	names[count] = name
}

BEGIN {
	CONVFMT = "%.12g" # times are indices, too
	LEFT = 24; RIGHT = 976; WIDTH = 1000; HEIGHT = 398
	HIGH = 44 # of a lane
	top["p"] = 118; top["c"] = 214
	NEAR = 18 # between two labels that stand aslant
}

/"ph":"M"/ {
	if (text_of("name") == "process_name") {
		match($0, /"args":\{"name":"[^"]*"/)
		who = substr($0, RSTART + 16, RLENGTH - 17)
		lane_of[number_of("pid")] = who ~ /^shm-produce/ ? "p" : "c"
		title[who ~ /^shm-produce/ ? "p" : "c"] = who
	}
	next
}

/"ph":/ {
	lane = lane_of[number_of("pid")]
	if (base == "") base = number_of("ts")
	t = number_of("ts") - base; name = text_of("name"); phase = text_of("ph")
	if (phase == "B") {
		depth[lane]++
		open_at[lane, depth[lane]] = t
		moment(t, 0)
	} else if (phase == "E" && depth[lane] > 0) {
		add(name, lane, open_at[lane, depth[lane]], t, name)
		depth[lane]--
		moment(t, name ~ /^wait/ ? 10 : 0)
	} else if (phase == "X") {
		add(name, lane, t, t + number_of("dur"), name)
		moment(t, 0)
		moment(t + number_of("dur"), 0)
	} else if (phase == "i") {
		label = name
		if (number_of("sequence") > 0) {
			label = label " " number_of("sequence")
			if (number_of("messages") > 1)
				label = label "–" number_of("sequence") + number_of("messages") - 1
		}
		add("instant", lane, t, t, label)
		moment(t, NEAR)
	} else if (phase == "s") {
		arrow_from[text_of("id")] = lane
		arrow_from_t[text_of("id")] = t
		moment(t, 0)
	} else if (phase == "f") {
		arrow_to[text_of("id")] = lane
		arrow_to_t[text_of("id")] = t
		moment(t, 0)
	}
}

function place(   i, j, t, gap, sum) {
	for (i = 2; i <= time_count; i++) { # there are a hundred
		t = times[i]
		for (j = i - 1; j >= 1 && times[j] > t; j--) times[j + 1] = times[j]
		times[j + 1] = t
	}
	at[times[1]] = 0
	for (i = 2; i <= time_count; i++) {
		gap = 4 + 7 * log(1 + times[i] - times[i - 1]) / log(10)
		if (gap < least[times[i]]) gap = least[times[i]]
		sum += gap
		at[times[i]] = sum
	}
	for (i = 1; i <= time_count; i++)
		at[times[i]] = LEFT + at[times[i]] * (RIGHT - LEFT) / (sum > 0 ? sum : 1)
}

function bar(class, from, to, y, height, name,   x, w) {
	x = at[from]
	w = at[to] - x
	if (w < 1.5) w = 1.5
	printf "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"2\">", class, x, y, w, height
	printf "<title>%s: %s</title></rect>\n", name, time_text(to - from)
}

function text(class, x, y, words) {
	printf "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", class, x, y, words
}

function time_text(us) {
	if (us >= 1000) return sprintf("%.2f ms", us / 1000)
	return sprintf(us >= 10 ? "%.0f µs" : "%.1f µs", us)
}

function spans(pattern, class, inset,   i, y) {
	for (i = 1; i <= count; i++) {
		if (kinds[i] !~ pattern) continue
		y = top[lanes[i]] + inset
		bar(class, froms[i], tos[i], y, HIGH - 2 * inset, names[i])
		if ((class == "life" || class == "sleep") &&
		    at[tos[i]] - at[froms[i]] > 5.4 * length(names[i]) + 6)
			pending[++pending_count] = i
	}
}

# What there is room for inside: behind what lies on the bar, so these come last.
function span_names(   i, k, middle) {
	for (k = 1; k <= pending_count; k++) {
		i = pending[k]
		middle = (at[froms[i]] + at[tos[i]]) / 2
		text(kinds[i] ~ /^wait/ ? "inside" : "inside small", middle, \
		     top[lanes[i]] + (kinds[i] ~ /^wait/ ? HIGH / 2 + 4 : -5), \
		     names[i])
	}
}

function instants(   i, x, y, up) {
	for (i = 1; i <= count; i++) {
		if (kinds[i] != "instant") continue
		up = lanes[i] == "p"
		x = at[froms[i]]
		y = up ? top["p"] : top["c"] + HIGH
		printf "<path class=\"mark\" d=\"M%.1f %.1fv%d\"/>\n", x, y + (up ? HIGH : -HIGH), up ? -HIGH - 6 : HIGH + 6
		printf "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", x, y + (up ? -6 : 6)
		printf "<text class=\"event\" transform=\"translate(%.1f %.1f) rotate(%d)\">%s</text>\n", \
		       x + 3, y + (up ? -12 : 18), up ? -40 : 40, names[i]
	}
}

function arrows(   id, from, to, y0, y1) {
	for (id in arrow_to) {
		if (!(id in arrow_from)) continue
		from = at[arrow_from_t[id]]
		to = at[arrow_to_t[id]]
		y0 = arrow_from[id] == "p" ? top["p"] + HIGH : top["c"]
		y1 = arrow_to[id] == "p" ? top["p"] + HIGH + 3 : top["c"] - 3
		printf "<path class=\"arrow\" marker-end=\"url(#head)\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", from, y0, to, y1
		text("wake", (from + to) / 2 + 9, (y0 + y1) / 2 + (y1 > y0 ? -3 : 13), "wake")
	}
}

# Where there is room for a label.
function axis(y,   i, x, last, words) {
	last = -1000
	printf "<path class=\"axis\" d=\"M%d %dH%d\"/>\n", LEFT, y, RIGHT
	for (i = 1; i <= time_count; i++) {
		x = at[times[i]]
		if (x - last < 68 || x > RIGHT - 20) continue
		last = x
		words = i == 1 ? "0" : "+" time_text(times[i] - times[1])
		printf "<path class=\"axis\" d=\"M%.1f %dv5\"/>\n", x, y
		text("tick", x, y + 18, words)
	}
}

function key(x, class, words) {
	printf "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"14\" height=\"14\" rx=\"2\"/>\n", class, x, 368
	text("key", x + 20, 379, words)
}

END {
	if (count == 0) exit 1
	place()
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"system-ui, Helvetica, Arial, sans-serif\" font-size=\"12\">\n", WIDTH, HEIGHT
	print "<title>A producer and a consumer, from a trace of both</title>"
	print "<style>"
	print ".panel{fill:#fff;stroke:#d0d7de}text{fill:#1f2328}.inside,.tick{text-anchor:middle}.small,.tick{font-size:11px}"
	print ".lane{fill:#f1f3f5}.life{fill:#d3d9df}.sleep{fill:#a9cdf5}.producers{fill:#8250df}.consumers{fill:#1a7f37}"
	print ".waking{fill:#e8710a}.mark{stroke:#1f2328}.dot{fill:#1f2328}.event{font-size:12px}.who{font-weight:600;font-size:13px}"
	print ".arrow{stroke:#e8710a;stroke-width:2;fill:none}.head,.wake{fill:#c4570a}.axis{stroke:#818b98;fill:none}.headline{font-size:15px;font-weight:600}"
	print "@media(prefers-color-scheme:dark){.panel{fill:#0d1117;stroke:#3d444d}text{fill:#f0f6fc}.lane{fill:#1c222a}.life{fill:#3d444d}"
	print ".sleep{fill:#1f5fa8}.producers{fill:#ab7df8}.consumers{fill:#3fb950}.mark{stroke:#f0f6fc}.dot{fill:#f0f6fc}.head,.wake{fill:#ff9a4d}}"
	print "</style>"
	print "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"5\" markerHeight=\"5\" orient=\"auto\"><path class=\"head\" d=\"M0 0L8 4L0 8z\"/></marker></defs>"
	printf "<rect class=\"panel\" x=\".5\" y=\".5\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", WIDTH - 1, HEIGHT - 1
	text("headline", LEFT, 30, "The consumer sleeps, the producer sends three messages")
	text("who", LEFT, top["p"] - 12, title["p"])
	text("who", LEFT, top["c"] + HIGH + 22, title["c"])
	for (lane in top)
		printf "<rect class=\"lane\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"3\"/>\n", LEFT, top[lane], RIGHT - LEFT, HIGH
	spans("^(attach|detach)$", "life", 0)
	spans("^wait", "sleep", 5)
	spans("^wake", "waking", 9)
	spans("^hold producers", "producers", 9)
	spans("^hold consumers", "consumers", 9)
	arrows()
	instants()
	span_names()
	axis(336)
	key(24, "sleep", "sleeps")
	key(104, "producers", "holds the producers' lock")
	key(290, "consumers", "holds the consumers' lock")
	key(480, "waking", "wakes the other")
	key(610, "life", "attaches, detaches")
	text("key small", 760, 379, "The time is not to scale.")
	print "</svg>"
}
