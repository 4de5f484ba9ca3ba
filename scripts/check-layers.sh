#!/bin/sh
# check-layers.sh [LAYERS [OBJECTS]]: no file includes or calls a file that stands above it.
#
# LAYERS (common/LAYERS) says the order: see there. OBJECTS (build/obj) is a folder of object files,
# built from these sources with common/... below it. The rules:
#
#   1. each source file of common/, producer/ and consumer/ belongs to a layer, and each pattern
#      matches a file;
#   2. an #include "..." finds its file, which is of the same layer or of a lower one, and headers
#      do not include each other in a circle;
#   3. the same for calls and shared variables, as nm finds them in the objects;
#   4. what a header declares is defined in the .c file of the same name, or in the header itself
#      (channel/channel.h, the library's interface, is implemented by many files).
#
# Prints a line for each violation, then a summary. Exit status: 0, 1 for a violation, 2 if it
# cannot be checked.
set -eu
cd "$(dirname "$0")/.."
layers=${1:-common/LAYERS}
objects=${2:-build/obj}
tab=$(printf '\t')

fail() {
	echo "check-layers: $1" >&2
	exit 2
}
[ -r "$layers" ] || fail "cannot read \"$layers\""
[ -d "$objects/common" ] || fail "no objects in \"$objects\": run make first"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A pattern for each line: number of its layer, the layer's name, the pattern.
awk '!/^#/ && NF { n++; for (i = 2; i <= NF; i++) print n "\t" $1 "\t" $i }' "$layers" \
	>"$scratch/patterns"

# A line for each file: path, number and name of its layer; the patterns that matched.
: >"$scratch/used"
find common producer consumer -name '*.[ch]' | sort | while read -r file; do
	found=none name=none
	while IFS=$tab read -r number layer pattern; do
		# shellcheck disable=SC2254 # it is a pattern
		case $file in
		$pattern)
			found=$number name=$layer
			echo "$pattern" >>"$scratch/used"
			break
			;;
		esac
	done <"$scratch/patterns"
	printf '%s\t%s\t%s\n' "$file" "$found" "$name"
done >"$scratch/files"
awk -F'\t' '$2 == "none" { print "no layer: " $1 }' "$scratch/files" >"$scratch/found"
awk -F'\t' -v layers="$layers" 'NR == FNR { used[$1]; next }
	!($3 in used) { print "no file: \"" $3 "\" in " layers }' \
	"$scratch/used" "$scratch/patterns" >>"$scratch/found"

# Edges: from, to, what. Includes are written from common/ or from the top.
cut -f1 "$scratch/files" | xargs grep -H '^#include "' |
	sed 's/^\([^:]*\):#include "\([^"]*\)".*/\1\t\2/' >"$scratch/included"
awk -F'\t' 'NR == FNR { there[$1]; next }
	{ to = ("common/" $2) in there ? "common/" $2 : $2
	  if (to in there) print $1 "\t" to "\tincludes it"
	  else print "no such header: " $1 " includes \"" $2 "\"" >"/dev/stderr" }' \
	"$scratch/files" "$scratch/included" >"$scratch/edges" 2>>"$scratch/found"

# Calls: the symbols that an object needs and another one defines.
awk -F'\t' '$1 ~ /\.c$/ { sub(/c$/, "o", $1); print $1 }' "$scratch/files" |
	while read -r object; do
		[ -e "$objects/$object" ] || fail "\"$objects/$object\" is missing: run make first"
		nm "$objects/$object" | awk -v file="${object%o}c" '
			$(NF - 1) ~ /^[TDBRC]$/ && $NF != "main" { print "D\t" $NF "\t" file }
			$(NF - 1) == "U" { print "U\t" $NF "\t" file }'
	done >"$scratch/symbols"
awk -F'\t' '$1 == "D" { at[$2] = $3; next } { needs[NR] = $3; needed[NR] = $2 }
	END { for (n in needs) if (needed[n] in at && at[needed[n]] != needs[n])
		print needs[n] "\t" at[needed[n]] "\tcalls " needed[n] }' \
	"$scratch/symbols" | sort >>"$scratch/edges"
awk -F'\t' 'NR == FNR { number[$1] = $2; name[$1] = $3; next }
	number[$1] + 0 < number[$2] + 0 {
		printf "up: %s (%s) -> %s (%s): %s\n", $1, name[$1], $2, name[$2], $3 }' \
	"$scratch/files" "$scratch/edges" >>"$scratch/found"

# circles WHAT: of the edges on standard input; tsort names the files of each.
circles() {
	if ! sort -u | tsort >/dev/null 2>"$scratch/loops"; then
		sed "s/^tsort: [^ ]*: *input contains a loop:.*/circle of $1:/; s/^tsort: /    /" \
			"$scratch/loops" >>"$scratch/found"
	fi
}
awk -F'\t' '$3 ~ /^calls/ { print $1, $2 }' "$scratch/edges" | circles calls
awk -F'\t' '$3 ~ /^includes/ && $1 ~ /h$/ { print $1, $2 }' "$scratch/edges" | circles includes

# Where the functions live that a header declares: a prototype begins in the first column.
# shellcheck disable=SC2016
awk -F'\t' '$1 ~ /\.h$/ && $1 != "common/channel/channel.h" { print $1 }' "$scratch/files" |
	xargs awk '
		FNR == 1 { text = ""; file = FILENAME }
		/^[a-z_]/ && !/^(static|struct [a-z_]* \{|enum|#)/ { text = "" ; open = 1 }
		open { text = text " " $0
			if ($0 ~ /;$/) { open = 0
				if (text ~ /\(/) { sub(/\(.*/, "", text); n = split(text, word, /[ *]+/)
					print file "\t" word[n] } }
			else if ($0 ~ /^\{/ || $0 ~ /\{$/) open = 0 }' >"$scratch/declared"
awk -F'\t' 'NR == FNR { if ($1 == "D") at[$2] = $3; next }
	{ own = $1; sub(/h$/, "c", own)
	  if ($2 in at && at[$2] != own)
		print "not its header: " $1 " declares " $2 "() of " at[$2] }' \
	"$scratch/symbols" "$scratch/declared" >>"$scratch/found"

sed 's/^/check-layers: /' "$scratch/found"
echo "check-layers: $(wc -l <"$scratch/files") files, $(wc -l <"$scratch/edges") edges," \
	"$(grep -c '^\(up\|no\)' "$scratch/found" || :) violations," \
	"$(grep -c '^circle' "$scratch/found" || :) cycles"
[ ! -s "$scratch/found" ]
