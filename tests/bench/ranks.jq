# Mann and Whitney: in how many pairs is `b` the larger one? As a distance from half of them,
# in standard deviations.
def moved(a; b): (a | length) as $m | (b | length) as $n |
	([a[] as $x | b[] | if . > $x then 1 elif . == $x then 0.5 else 0 end] | add) as $u |
	($u - $m * $n / 2) / (($m * $n * ($m + $n + 1) / 12) | sqrt);

# Does that say nothing, two-sided, at 1 %?
def level(a; b): moved(a; b) | fabs < 2.576;
