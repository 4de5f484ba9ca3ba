# The tables of scripts/bench.sh, as lines with tabs. Input: the results, an array.

include "ranks";

def cells(scene): map(select(.scene == scene and .median != null));
def cells(scene; size): cells(scene) | map(select(.size == size));
def ours: map(select(.kind == "ours"))[0];
def peer(name): map(select(.peer == name))[0];
# The better of the bare rings: no locks, no acknowledgement, nothing that survives a death.
def bare: map(select(.peer == "futex-ring" or .peer == "spin-ring")) | max_by(.median);
def fastest: map(select(.kind == "peer")) | max_by(.median);
def quickest: map(select(.kind == "peer")) | min_by(.median);

def round_to(digits): . as $x | (pow(10; digits) * $x | round) / pow(10; digits);
def three: if . >= 100 then round elif . >= 10 then round_to(1) else round_to(2) end | tostring;
def rate: if . >= 1e6 then "\(. / 1e6 | three) M/s" else "\(. / 1e3 | three) k/s" end;
def speed: if . >= 1e9 then "\(. / 1e9 | three) GB/s" else "\(. / 1e6 | three) MB/s" end;
def time: if . >= 1e6 then "\(. / 1e6 | three) ms" elif . >= 1e3 then "\(. / 1e3 | three) µs"
	else "\(. | three) ns" end;
def shown(how): if how == "rate" then rate elif how == "speed" then speed else time end;

# In bytes per second, for those who count messages.
def in_bytes: if .unit == "messages/s" then
	.size as $size | .median *= $size | .min *= $size | .max *= $size else . end;

def named(how): if . == null then "-" else "\(.median | shown(how)) \(.peer)" end;

# Does a limit, in the same run, not come up to it either? Then this machine does not allow it.
def missed(how; want): if how == "time" then .median > want else .median < want end;

# One row: ours against what is wanted, a figure; `more` says whether more is better.
def row(what; how; best; limit; want; says): ours as $o | limit as $limit | want as $want |
	if $o == null or want == null then [what, "-", "-", "-", "-", says, "-", "not measured"] else
		(if how == "time" then want / $o.median else $o.median / want end) as $ratio |
		[what, ($o.median | shown(how)), "\($o.min | shown(how)) .. \($o.max | shown(how))",
		 (best | named(how)), (limit | named(how)), "\(says): \(want | shown(how))",
		 ($ratio | three),
		 (if $ratio >= 1 then "reached"
		  elif $limit != null and $limit.kind == "limit" and ($limit | missed(how; $want)) then
			"not reached, nor by the limit: \($limit | named(how))"
		  # The goal is to be as good as the best, and the ranks of the rounds show no difference.
		  elif best != null and best.median == want and level($o.rounds; best.rounds) then
			"level with it, by the ranks of the rounds"
		  else "NOT reached" end)]
	end;

# null if there is nothing to compare with.
def times(factor): if . == null then null else .median * factor end;

def goals:
	(cells("oneway"; 8) |
		row("one way, 8 B"; "rate"; fastest; bare;
			([25e6, (fastest | times(2.5))] | max); "25 M/s, 2.5 x best")),
	(cells("oneway"; 64) |
		row("one way, 64 B"; "rate"; fastest; bare;
			([20e6, (fastest | times(2.3)), (peer("futex-ring") | times(0.5))] | max);
			"20 M/s, 2.3 x best, 0.5 x limit")),
	((512, 4096) as $size | cells("oneway"; $size) | select(ours != null) |
		row("one way, \($size) B"; "rate"; fastest; bare;
			(fastest | times(1)); "best")),
	((65536, 1048576) as $size | cells("oneway"; $size) | map(in_bytes) |
		row("one way, \($size / 1024) KiB"; "speed"; fastest; bare;
			(fastest | times(1)); "best")),
	((65536, 1048576) as $size | cells("ends"; $size) | map(in_bytes) |
		row("\($size / 1024) KiB, hardly read"; "speed"; fastest; bare;
			(fastest | times(1)); "best")),
	((65536, 1048576) as $size | cells("inplace"; $size) | map(in_bytes) |
		row("in place, \($size / 1024) KiB"; "speed"; fastest; bare; 60e9;
			"60 GB/s")),
	(cells("batch"; 8) |
		row("batches of 8 B"; "rate"; fastest; bare; 150e6; "150 M/s")),
	(cells("pingpong"; 64) |
		row("there and back, awake"; "time"; quickest; peer("spin-ring"); 250; "0.25 µs")),
	(cells("asleep"; 64) |
		row("one way, receiver asleep"; "time"; quickest; peer("futex-safe");
			(peer("futex-ring") | times(1)); "futex")),
	(cells("file") |
		row("file to /dev/null"; "speed"; fastest; peer("direct");
			([(peer("socat") | times(2)), (peer("fifo") | times(5)),
			  (peer("direct") | times(0.65))] | max);
			"2 x socat, 5 x FIFO, 0.65 x limit")),
	(cells("count") |
		row("file to wc -c"; "speed"; fastest; peer("direct"); (fastest | times(1)); "best")),
	(cells("seq") |
		row("seq to /dev/null"; "speed"; fastest; peer("pipe");
			(peer("direct") | times(0.9)); "0.9 x seq")),
	((cells("file-700") | ours) as $long | cells("file-7") |
		row("lines of 7 B, as fast as 700"; "speed"; null; $long; ($long | times(1)); "same")),
	(cells("message-asleep") |
		row("one message, receiver asleep"; "time"; quickest; peer("fifo-memory");
			(peer("fifo") | times(1)); "FIFO")),
	(cells("message-together") |
		row("one message, started together"; "time"; quickest; peer("fifo-memory");
			(peer("fifo") | times(1)); "FIFO"));

def by_size(how): group_by(.peer) | map(sort_by(.size)) | sort_by([.[0].kind, -.[0].median])[] |
	[.[0].peer + (if .[0].kind == "limit" then " (limit)" else "" end)] +
	map("\(.size) B: \(.median | shown(how))");

def spread: sort_by([.kind, .median])[] |
	. as $cell | (.percentiles_ns // []) as $p |
	[.peer + (if .kind == "limit" then " (limit)" else "" end), (.median | time),
	 "\(.min | time) .. \(.max | time)"] +
	[(50, 90, 99, 99.9, 100) as $part |
		$p[] | select(.[0] == $part) | "\($part) %: \(.[1] | time)"];

def scale: cells("scale")[] |
	[.series, .peer, .producers, .consumers, .channels,
	 (if .ring >= 1048576 then "\(.ring / 1048576) MiB" else "\(.ring / 1024) KiB" end),
	 .messages, (if .lags then "lags" else "" end), (.median | time),
	 "\(.min | time) .. \(.max | time)", (.cpu_ns | time)];

def section(title; columns; rows): "", "# " + title, (columns | @tsv), (rows | @tsv);

section("goals"; ["what", "ours", "min .. max", "best peer", "limit", "we want", "ratio", ""]; goals),
section("one way, one call for each message, all of it written and read"; ["peer"]; cells("oneway") | by_size("rate")),
section("the same, only three words of each written and read"; ["peer"]; cells("ends") | by_size("rate")),
section("many messages in a call"; ["peer"]; cells("batch") | by_size("rate")),
section("made in place"; ["peer"]; cells("inplace") | by_size("rate")),
section("there and back, 64 B, both awake"; ["peer", "mean", "min .. max"]; cells("pingpong") | spread),
section("one way, 64 B, the receiver asleep"; ["peer", "median", "min .. max"]; cells("asleep") | spread),
section("a file to /dev/null"; ["peer", "speed", "min .. max"];
	cells("file", "file-7", "file-700") | sort_by(-.median)[] |
	[.peer + " " + .scene, (.median | speed), "\(.min | speed) .. \(.max | speed)"]),
section("a file to wc -c"; ["peer", "speed", "min .. max"];
	cells("count") | sort_by(-.median)[] | [.peer, (.median | speed), "\(.min | speed) .. \(.max | speed)"]),
section("seq to /dev/null"; ["peer", "speed", "min .. max"];
	cells("seq") | sort_by(-.median)[] | [.peer, (.median | speed), "\(.min | speed) .. \(.max | speed)"]),
section("one message, from spawning to the end"; ["peer", "time", "min .. max"];
	cells("message-asleep", "message-together") | sort_by(.median)[] |
	[.peer + " " + .scene, (.median | time), "\(.min | time) .. \(.max | time)"]),
section("cost of a message of 64 B"; ["series", "peer", "producers", "consumers", "channels", "ring",
	"messages", "", "time", "min .. max", "processor"]; scale)
