#!/bin/sh
# completions.sh bash|zsh|fish TOOL: prints that shell's completions for the tool. They are made
# from what TOOL --help says, which is its option table, so that they cannot differ from it.
set -eu

usage() {
	echo "usage: $0 bash|zsh|fish TOOL" >&2
	exit 2
}

[ $# -eq 2 ] || usage
case $1 in
bash | zsh | fish) ;;
*) usage ;;
esac
rooms=$(dirname "$0")/completions
help=$("$2" --help)
printf '%s\n' "$help" |
	LC_ALL=C awk -v rooms="$rooms" -f "$rooms/options.awk" -f "$rooms/$1.awk"
