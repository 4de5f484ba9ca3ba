# The names of a user's channels. The tool knows what their objects are called, and lists none that is
# not of a valid form, for others may put objects there, too.
_@WHAT@_channels() {
	shm-consume ${owner:+--owner "$owner"} --list 2>/dev/null </dev/null | sed -n '1!s/ .*//p'
}

# Those of its groups that have a name.
_@WHAT@_groups() {
	shm-consume ${channel:+-C "$channel"} ${owner:+--owner "$owner"} --status 2>/dev/null </dev/null |
		sed -n '/^GROUP .*MESSAGES/,/^$/s/^\([a-zA-Z0-9._-]\{1,\}\)  *[0-9].*/\1/p'
}

# _@WHAT@_value PREFIX: completes $cur, the argument of an option of $kind.
_@WHAT@_value() {
	local first=''
	case $kind in
	channel) values=$(_@WHAT@_channels) ;;
	group) values=$(_@WHAT@_groups) ;;
	groups)
		values=$(_@WHAT@_groups)
		[[ $cur != *,* ]] || first=${cur%,*},
		cur=${cur##*,}
		compopt -o nospace 2>/dev/null
		;;
	user)
		mapfile -t COMPREPLY < <(compgen -P "$1" -u -- "$cur")
		return
		;;
	file)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -P "$1" -f -- "$cur")
		return
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -P "$1$first" -W "$values" -- "$cur")
}

# _@WHAT@_command WORD: completes the command that begins with this word of the line.
_@WHAT@_command() {
	if declare -F _comp_command_offset >/dev/null; then
		_comp_command_offset "$1"
	elif declare -F _command_offset >/dev/null; then
		_command_offset "$1"
	elif ((COMP_CWORD == $1)); then
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
	else
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}

# _@WHAT@_letters WORD: which of the letters in "-nC" has an argument ($pending), and what of that
# has begun behind it ($attached).
_@WHAT@_letters() {
	local at
	for ((at = 1; at < ${#1}; at++)); do
		_@WHAT@_argument "-${1:at:1}" || continue
		pending=-${1:at:1} attached=${1:at+1}
		return
	done
}

# _@WHAT@_take OPTION ARGUMENT: what the completions of other arguments depend on.
_@WHAT@_take() {
	case $1 in
	-C | --channel) channel=$2 ;;
	--owner) owner=$2 ;;
	esac
}

_@WHAT@() {
	local LC_ALL=C IFS=$' \t\n' cur prefix='' pending='' attached='' optional='' kind='' values=''
	local channel='' owner='' hold='' word i
	COMPREPLY=()
	cur=${COMP_WORDS[COMP_CWORD]}
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ -n $pending ]]; then
			# bash makes three words of "--name=value".
			[[ $word != '=' || $pending != --* ]] || continue
			_@WHAT@_take "$pending" "$word"
			pending=''
			continue
		fi
		case $word in
		--)
			[[ @COMMAND@ != -- && -z $hold ]] || _@WHAT@_command $((i + 1))
			return
			;;
		--*=*) _@WHAT@_take "${word%%=*}" "${word#*=}" ;;
		--*)
			[[ $word != --hold ]] || hold=yes
			if _@WHAT@_argument "$word" && [[ -z $optional || ${COMP_WORDS[i + 1]} = '=' ]]; then
				pending=$word
			fi
			;;
		-?*)
			_@WHAT@_letters "$word"
			[[ -z $attached ]] || _@WHAT@_take "$pending" "$attached"
			[[ -z $attached ]] || pending=''
			attached=''
			;;
		*) [[ @COMMAND@ != -- ]] || return ;;
		esac
	done

	if [[ -n $pending ]]; then
		[[ $cur != '=' || $pending != --* ]] || cur=''
	elif [[ $cur = --*=* ]]; then
		pending=${cur%%=*} prefix=${cur%%=*}= cur=${cur#*=}
	elif [[ $cur = -[!-]* ]]; then
		_@WHAT@_letters "$cur"
		[[ -z $pending ]] || prefix=${cur%"$attached"} cur=$attached
	fi
	if [[ -n $pending ]]; then
		_@WHAT@_argument "$pending" && _@WHAT@_value "$prefix"
	elif [[ $cur = -* || (-z $cur && @COMMAND@ = --) ]]; then
		mapfile -t COMPREPLY < <(compgen -W '@OPTIONS@ --' -- "$cur")
	fi
}
complete -F _@WHAT@ @TOOL@
