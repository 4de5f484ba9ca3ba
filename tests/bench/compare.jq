# The table of scripts/bench-compare.sh. $old, $new: the lines of all rounds.

include "ranks";

def middle: sort | (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2;
def figures: map(select((.rounds | type) == "array")) |
	group_by([.scene, .size]) |
	map({ key: "\(.[0].scene) \(.[0].size // "")", value: { unit: .[0].unit, values: (map(.rounds[]) ) } }) |
	from_entries;

def four: if . == 0 then 0 else (log10 | floor) as $e | pow(10; 3 - $e) as $f | (. * $f | round) / $f end;
def shown: if . >= 1e9 then "\(. / 1e9 | four) G" elif . >= 1e6 then "\(. / 1e6 | four) M"
	elif . >= 1e3 then "\(. / 1e3 | four) k" else "\(four)" end;

($old | figures) as $o | ($new | figures) as $n |
(["figure", "unit", "old", "min .. max", "new", "min .. max", "change", ""] | @tsv),
($o | keys_unsorted[]) as $key | select($n[$key] != null) |
	$o[$key].values as $a | $n[$key].values as $b |
	($a | middle) as $from | ($b | middle) as $to |
	(100 * ($to / $from - 1)) as $percent |
	(if level($a; $b) or ($percent | fabs) < 2 then "within noise"
	 elif (($percent > 0) == ($o[$key].unit != "ns")) then "faster" else "SLOWER" end) as $verdict |
	[$key, $o[$key].unit, ($from | shown), "\($a | min | shown) .. \($a | max | shown)",
	 ($to | shown), "\($b | min | shown) .. \($b | max | shown)",
	 "\($percent * 10 | round / 10) %", $verdict] | @tsv
