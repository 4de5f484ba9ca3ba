# The names of a user's channels. The tool knows what their objects are called, and lists none that is
# not of a valid form, for others may put objects there, too.
_@WHAT@_channel() {
	local owner=${opt_args[--owner]} list
	local -a lines
	list=$(shm-consume --list ${owner:+--owner} $owner 2>/dev/null </dev/null)
	lines=("${(@f)list}")
	shift lines
	compadd "$@" -- ${lines%% *}
}

# Those of its groups that have a name. One command and no pipeline: somebody waits for it.
_@WHAT@_group() {
	local channel=${opt_args[-C]:-${opt_args[--channel]}} owner=${opt_args[--owner]}
	local status_text line groups_begun=
	local -a names
	status_text=$(shm-consume --status ${channel:+-C} $channel ${owner:+--owner} $owner 2>/dev/null </dev/null)
	for line in "${(@f)status_text}"; do
		if [[ $line = 'GROUP '*MESSAGES* ]]; then
			groups_begun=yes
		elif [[ -z $line ]]; then
			groups_begun=
		elif [[ -n $groups_begun && $line = [a-zA-Z0-9._-]##' '##[0-9~]* ]]; then
			names+=(${line%% *})
		fi
	done
	compadd "$@" -- $names
}

_@WHAT@_groups() {
	compset -P '*,'
	_@WHAT@_group "$@" -q -S ,
}

# A command stands behind "--" (there may be one among the operands, too).
_@WHAT@_operand() {
	local before=${(j: :)${(@Q)_@WHAT@_line}}
	[[ " $before " = *' -- '* ]] || return 1
	[[ @COMMAND@ = -- || " $before " = *' --hold '* ]] || return 1
	_normal
}

local -a _@WHAT@_line=("${(@)words[1,CURRENT-1]}")
