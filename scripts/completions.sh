#!/bin/sh
# completions.sh bash|zsh|fish TOOL...: prints that shell's completions for the tool. They are made
# from what TOOL --help says, which is its option table, so that they cannot differ from it. Words
# before the tool run it.
set -eu

usage() {
	echo "usage: $0 bash|zsh|fish TOOL" >&2
	exit 2
}

[ $# -ge 2 ] || usage
shell=$1
shift
case $shell in
bash | zsh | fish) ;;
*) usage ;;
esac
rooms=$(dirname "$0")/completions
help=$("$@" --help)
printf '%s\n' "$help" |
	LC_ALL=C awk -v rooms="$rooms" -f "$rooms/options.awk" -f "$rooms/$shell.awk"
