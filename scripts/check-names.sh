#!/bin/sh
# check-names.sh: every file, folder and function that a document names exists.
#
# Looks at all *.md, at the manual pages, at the comments of the models (*.pml), and at the patterns
# of common/LAYERS. Says file:line for each name that is wrong. Exit status: 0 none, 1 some.
#
# A file is a word that ends as a file of this tree does, or a path that begins with one of its
# folders. A path is seen from the document's folder, from the top, or, as an #include is, from
# common; a link from the document's folder only. A name without a path is that of any file in the
# tree. "*" stands for anything.
# A function is NAME(); it exists if our sources define, declare or call it, so that functions of the
# C library need no list. Those of the compiler begin with "__". A name with "_" in `backticks` must be
# in the sources.
set -eu
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

find . \( -path ./build -o -path ./.git \) -prune -o -type f -print | sed 's|^\./||' | sort >"$scratch/files"
grep -E '\.(c|h|cc|pml|sh|awk|jq|mk)$|^Makefile$' "$scratch/files" >"$scratch/sources"
grep -E '\.(md|pml|[157])$|^common/LAYERS$' "$scratch/files" >"$scratch/documents"

# The sources first. Names of files here have no blanks.
# shellcheck disable=SC2046
LC_ALL=C awk -v files="$scratch/files" '
function ending(path) {
	return match(path, /[A-Za-z_-]\.[a-z0-9]+$/) ? substr(path, RSTART + 2) : ""
}
function base(path) { sub(/.*\//, "", path); return path }
function folder(path) { return sub(/\/[^\/]*$/, "", path) ? path "/" : "" }

BEGIN {
	while ((getline path < files) > 0) {
		exists[path] = exists[base(path)] = 1
		paths[++path_count] = path
		if (ending(path) != "" && path !~ /^tests\/fuzz\/corpus/) endings[ending(path)] = 1
		for (at = folder(path); at != ""; at = folder(substr(at, 1, length(at) - 1))) {
			exists[at] = exists[base(substr(at, 1, length(at) - 1)) "/"] = 1
			top = at
		}
		if (path ~ /\//) tops[top] = 1
	}
	exists["./"] = 1
}

function wrong(what, name) {
	printf "%s:%d: there is no %s \"%s\"\n", FILENAME, FNR, what, name
	failed = 1
}

# "a/../b" and "./b" are "b".
function plain(path) {
	gsub(/\/\.\//, "/", path)
	while (sub(/[^\/]+\/\.\.\//, "", path)) {}
	sub(/^(\.\/)+/, "", path)
	return path
}

function matches(pattern,    i, at, expression) {
	expression = pattern
	gsub(/[.+]/, "[&]", expression)
	gsub(/\*/, "[^/]*", expression)
	expression = "^" (pattern ~ /\// ? "" : "(.*/)?") expression "$"
	for (i = 1; i <= path_count; i++)
		if (paths[i] ~ expression) return 1
	for (at in exists)
		if (at ~ expression) return 1
	return 0
}

function there(path) {
	path = plain(path)
	return path ~ /\*/ ? matches(path) : (path in exists) || ((path "/") in exists)
}

# Is a word meant as a file of this tree?
function is_file(word,    first) {
	if (word ~ /^[\/~$-]/ || word ~ /\$/ || word ~ /^(\.\/)?build\//) return 0
	if (word ~ /\// && word !~ /^\.?\.\//) {
		first = word
		sub(/\/.*/, "/", first)
		if (first in tops) return 1
	}
	return ending(word) in endings
}

function check_file(word) {
	if (is_file(word)) {
		count++
		if (!there(folder(FILENAME) word) && !there(word) && !there("common/" word))
			wrong("file", word)
	}
}

function check_files(text,    word) {
	gsub(/[a-z]+:\/\/[^ )>]*/, "", text)
	while (match(text, /[A-Za-z0-9_.*~$\/-]+/)) {
		word = substr(text, RSTART, RLENGTH)
		text = substr(text, RSTART + RLENGTH)
		sub(/[.-]+$/, "", word)
		check_file(word)
	}
}

function check_functions(text,    name) {
	while (match(text, /[A-Za-z_][A-Za-z0-9_]*\(\)/)) {
		name = substr(text, RSTART, RLENGTH - 2)
		text = substr(text, RSTART + RLENGTH)
		count++
		if (!(name in functions) && name !~ /^__/) wrong("function", name "()")
	}
}

# What stands between backticks: names of the sources, and folders.
function check_quoted(text,    quoted) {
	while (match(text, /`[^`]+`/)) {
		quoted = substr(text, RSTART + 1, RLENGTH - 2)
		text = substr(text, RSTART + RLENGTH)
		if (quoted ~ /^[a-z][a-z0-9]*(_[a-z0-9]+)+$/) {
			count++
			if (!(quoted in words)) wrong("name in the sources", quoted)
		} else if (quoted ~ /^[A-Za-z0-9_.][A-Za-z0-9_.\/-]*\/$/ && quoted !~ /^build\//) {
			count++
			if (!there(folder(FILENAME) quoted) && !there(quoted)) wrong("folder", quoted)
		}
	}
}

function check_links(text,    target, anchor) {
	while (match(text, /\]\([^)]+\)/)) {
		target = substr(text, RSTART + 2, RLENGTH - 3)
		text = substr(text, RSTART + RLENGTH)
		count++
		if (target ~ /^[a-z]+:/) continue
		anchor = ""
		if (match(target, /#/)) {
			anchor = substr(target, RSTART + 1)
			target = substr(target, 1, RSTART - 1)
		}
		target = target == "" ? FILENAME : plain(folder(FILENAME) target)
		if (!(target in exists) && !((target "/") in exists)) wrong("file for the link", target)
		else if (anchor != "") wanted[FILENAME ":" FNR] = target "#" anchor
	}
}

function anchor_keep(heading) {
	sub(/^#+ */, "", heading)
	heading = tolower(heading)
	gsub(/[^a-z0-9 _-]/, "", heading)
	gsub(/ /, "-", heading)
	anchors[FILENAME "#" heading] = 1
}

# Returns what of a line of C is no comment; the comments of the line are then in `comments`.
function without_comments(line,    code, at) {
	code = comments = ""
	if (!in_comment) gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
	for (;;) {
		if (in_comment) {
			at = index(line, "*/")
			comments = comments " " (at ? substr(line, 1, at - 1) : line)
			if (!at) return code
			line = substr(line, at + 2)
			in_comment = 0
		}
		if (!(at = index(line, "/*"))) {
			if ((at = index(line, "//"))) comments = comments " " substr(line, at + 2)
			return code (at ? substr(line, 1, at - 1) : line)
		}
		code = code substr(line, 1, at - 1)
		line = substr(line, at + 2)
		in_comment = 1
	}
}

function words_keep(text) {
	while (match(text, /[A-Za-z_][A-Za-z0-9_]*/)) {
		words[substr(text, RSTART, RLENGTH)] = 1
		text = substr(text, RSTART + RLENGTH)
	}
}

FNR == 1 { in_comment = fence = 0 }

# The first time, a file is a source.
phase == "sources" {
	if (FILENAME !~ /\.(c|h|cc|pml)$/) {
		words_keep($0)
		next
	}
	if (!in_comment) words_keep($0)
	code = without_comments($0)
	while (match(code, /[A-Za-z_][A-Za-z0-9_]* ?\(/)) {
		name = substr(code, RSTART, RLENGTH - 1)
		sub(/ $/, "", name)
		functions[name] = 1
		code = substr(code, RSTART + RLENGTH)
	}
	next
}

FNR == 1 { documents++ }

FILENAME == "common/LAYERS" {
	if ($0 !~ /^#/)
		for (i = 2; i <= NF; i++) {
			count++
			if (!there($i)) wrong("file", $i)
		}
	next
}

FILENAME ~ /\.pml$/ {
	without_comments($0)
	check_files(comments)
	check_functions(comments)
	next
}

FILENAME ~ /\.[157]$/ {
	for (i = 1; i <= NF; i++)
		if ($i ~ /^\.?[a-z]+\/[A-Za-z]/) check_files($i)
	next
}

/^ *```/ { fence = !fence; next }
fence {
	for (i = 1; i <= NF; i++)
		if ($i ~ /^[a-z.\/]+\/[A-Za-z]/) check_files($i)
	next
}
/^#/ { anchor_keep($0) }
{
	check_links($0)
	line = $0
	gsub(/\]\([^)]+\)/, "]", line)
	check_files(line)
	check_functions(line)
	check_quoted(line)
}

END {
	for (place in wanted)
		if (!(wanted[place] in anchors)) {
			printf "%s: there is no heading \"%s\"\n", place, wanted[place]
			failed = 1
		}
	printf "check-names: %d names in %d documents\n", count, documents
	exit failed
}
' phase=sources $(cat "$scratch/sources") phase=documents $(cat "$scratch/documents")
