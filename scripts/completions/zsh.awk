# Completions for zsh 5.

# In "[...]" and "'...'" of a specification.
function escaped(text) {
	gsub(/[\\:[\]]/, "\\\\&", text)
	gsub(/'/, "'\\''", text)
	return text
}

function action(i) {
	if (kind[i] == "file")
		return "_files"
	if (kind[i] == "user")
		return "_users"
	if (kind[i] != "")
		return "_" what "_" kind[i]
	return words[i] == "" ? " " : "(" words[i] ")"
}

END {
	print "#compdef " tool
	print "# " tool ": completions for zsh, made from its --help by scripts/completions.sh"
	print ""
	while ((getline line < (rooms "/zsh.zsh")) > 0) {
		gsub(/@WHAT@/, what, line)
		gsub(/@COMMAND@/, command, line)
		print line
	}
	print "_arguments -s -S \\"
	for (i = 1; i <= count; i++) {
		long = "--" name[i] (argument[i] == "" ? "" : optional[i] ? "=-" : "=")
		end = "'[" escaped(short(i)) "]" (argument[i] == "" ? "" : (optional[i] ? "::" : ":") \
			escaped(argument[i]) ":" action(i)) "'"
		alone = letter[i] == "" ? "--" name[i] : "-" letter[i] " --" name[i]
		both = letter[i] == "" ? long : "{-" letter[i] (argument[i] == "" ? "" : "+") "," long "}"
		if (letter[i] == "")
			print "\t'" (repeatable[i] ? "*" : "") long substr(end, 2) " \\"
		else
			print "\t" (repeatable[i] ? "'*'" : "'(" alone ")'") both end " \\"
	}
	print "\t'*::command:_" what "_operand'"
}
