# Completions for fish 3 and later.

function quoted(text) {
	gsub(/\\/, "\\\\", text)
	gsub(/'/, "\\'", text)
	return "'" text "'"
}

# What completes the argument of option i, and whether files do, too.
function values(i) {
	if (optional[i] || (argument[i] != "" && words[i] != ""))
		return (optional[i] ? "" : " -x") (words[i] != "" ? " -a " quoted(words[i]) : "")
	if (argument[i] == "")
		return ""
	if (kind[i] == "file")
		return " -r -F"
	if (kind[i] == "user")
		return " -x -a '(__fish_complete_users)'"
	return " -x" (kind[i] == "" ? "" : " -a '(__" what "_" kind[i] ")'")
}

END {
	print "# " tool ": completions for fish, made from its --help by scripts/completions.sh"
	print ""
	for (i = 1; i <= count; i++)
		if (argument[i] != "" && !optional[i])
			with = with (with == "" ? "" : " ") (letter[i] == "" ? "" : "-" letter[i] " ") "--" name[i]
	while ((getline line < (rooms "/fish.fish")) > 0) {
		gsub(/@WHAT@/, what, line)
		gsub(/@WITH_ARGUMENT@/, with, line)
		print line
	}
	print "complete -c " tool " -f"
	for (i = 1; i <= count; i++)
		print "complete -c " tool " -n 'not __" what "_at_command'" (letter[i] != "" ? " -s " letter[i] : "") \
			" -l " name[i] values(i) " -d " quoted(short(i))
	print "complete -c " tool " -n '__" what "_at_command" (command == "--" ? "" : "; and __fish_contains_opt hold") \
		"' -x -a '(__" what "_command)'"
}
