# Completions for bash 4 and later, with or without the bash-completion package.

# cases("text printed for option i"): one line for each option that has an argument.
function names(i) {
	return (letter[i] != "" ? "-" letter[i] " | " : "") "--" name[i]
}

END {
	print "# " tool ": completions for bash, made from its --help by scripts/completions.sh"
	print ""
	print "# _" what "_argument OPTION: does it need an argument, and what is that?"
	print "_" what "_argument() {"
	print "\tkind='' values=''"
	print "\tcase $1 in"
	for (i = 1; i <= count; i++)
		if (argument[i] != "")
			printf "\t%s) kind='%s' values='%s' optional='%s' ;;\n", names(i), kind[i], words[i],
				optional[i] ? "yes" : ""
	print "\t*) return 1 ;;"
	print "\tesac"
	print "}"
	print ""
	for (i = 1; i <= count; i++)
		options = options (i > 1 ? " " : "") "--" name[i]
	while ((getline line < (rooms "/bash.sh")) > 0) {
		gsub(/@WHAT@/, what, line)
		gsub(/@TOOL@/, tool, line)
		gsub(/@COMMAND@/, command, line)
		gsub(/@OPTIONS@/, options, line)
		print line
	}
}
