# Reads --help (common/cli/help.c says what it looks like):
#
# tool           its name; what = the same as a part of a function's name
# count          options, from 1; of each
# letter[i]      "C", or ""
# name[i]        "channel"
# argument[i]    "CHANNEL", or "" if it takes none
# optional[i]    is it allowed to be missing?
# kind[i]        channel, group, groups, file, user; "" if it is none of these
# words[i]       what it can be literally, with blanks between them
# repeatable[i]
# help[i]        the text, in one line
# command        "--": a command follows it; "--hold": only with that option; "": never
#
# Each shell's file prints what it wants from that in its END.

function argument_take(i, text, parts, n, j) {
	optional[i] = text ~ /^\[/
	if (optional[i])
		gsub(/^\[=?|\]$/, "", text)
	argument[i] = text
	if (text == "GROUP,...")
		kind[i] = "groups"
	else
		kind[i] = text ~ /^(CHANNEL|GROUP|FILE|USER)$/ ? tolower(text) : ""
	words[i] = ""
	n = split(text, parts, "|")
	for (j = 1; j <= n; j++)
		if (parts[j] ~ /^[a-z][a-z0-9-]*$/)
			words[i] = words[i] (words[i] == "" ? "" : " ") parts[j]
}

# "--name", "--name ARGUMENT", "--name [ARGUMENT]" or "--name[=ARGUMENT]", and perhaps two blanks and help.
function option_take(row, at) {
	count++
	letter[count] = substr(row, 3, 1) == "-" ? substr(row, 4, 1) : ""
	repeatable[count] = 0
	help[count] = ""
	row = substr(row, 9)
	if ((at = index(row, "  ")) > 0)
		row = substr(row, 1, at - 1)
	at = match(row, /[[ ]/)
	name[count] = at > 0 ? substr(row, 1, at - 1) : row
	argument_take(count, at == 0 ? "" : substr(row, at, 1) == "[" ? substr(row, at) : substr(row, at + 1))
}

# The beginning of the help that can stand alone.
function short(i, text, at) {
	text = help[i]
	at = match(text, / [[(]/)
	if (at > 1)
		text = substr(text, 1, at - 1)
	at = match(substr(text, 16), /[;:.] /)
	if (at > 0)
		text = substr(text, 1, at + 14)
	at = match(substr(text, 16), /, /)
	if (at > 0 && length(text) > 60)
		text = substr(text, 1, at + 14)
	return text
}

BEGIN { HELP_COLUMN = 28 }
/^Usage: / { tool = what = $2; gsub(/-/, "_", what) }
/^(Usage:|      ) .*-- COMMAND/ { command = $0 ~ /--hold -- COMMAND/ ? "--hold" : "--" }
/^Examples:/ { exit }
/^  -., --[a-z]|^      --[a-z]/ { option_take($0) }
count > 0 && /^  / && substr($0, HELP_COLUMN, 2) ~ /^ [^ ]/ {
	text = substr($0, HELP_COLUMN + 1)
	help[count] = help[count] (help[count] == "" ? "" : " ") text
	if (text ~ /\(repeatable/)
		repeatable[count] = 1
}
