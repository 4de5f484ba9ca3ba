#!/bin/zsh -f
# completions.zsh FOLDER LINE: what zsh offers at the end of LINE with the completions in FOLDER,
# one word in a line. The shell that is asked has a terminal of its own, as completions need one.
zmodload zsh/zpty
export COMPLETIONS=$1 TERM=dumb
zpty shell zsh -f -i
zpty -w shell '
PROMPT= RPROMPT=
unsetopt zle_bracketed_paste prompt_cr prompt_sp beep
fpath=($COMPLETIONS $fpath)
autoload -U compinit && compinit -u -D
compadd() {
	local -a found
	if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
		builtin compadd -A found "$@"
		print -rl -- BEGIN"$IPREFIX"$^found"END"
	fi
	builtin compadd "$@"
}
offer() { zle complete-word; print -r -- "DO""NE" }
zle -N offer
bindkey "^T" offer
print -r -- REA""DY'
zpty -r shell text '*READY*' || exit 1
zpty -n -w shell "$2"$'\C-T'
zpty -r shell text '*DONE*' || exit 1
zpty -d shell
text=${text//$'\r'/}
for line in ${(f)text}; do
	[[ $line = *BEGIN*END ]] && print -r -- ${${line##*BEGIN}%END}
done
exit 0
