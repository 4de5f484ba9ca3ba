#!/bin/bash
# comments-only.sh COMMIT...: does each of these commits change nothing but comments?
#
# The C files that a commit changes are compared with their parent's without comments and with the
# rest laid out anew, as the preprocessor prints them. Other files may not change at all, but for
# documents (*.md, *.pml's comments are looked at the same way). Such a commit belongs in
# .git-blame-ignore-revs. Exit status: 0 if all of them do, 1 if not, 2 for a usage error.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -eq 0 ]; then
	echo "usage: $0 COMMIT..." >&2
	exit 2
fi

# code COMMIT PATH: what is left of it without comments.
code() {
	git show "$1:$2" | gcc -fpreprocessed -dD -E -P -x c - 2>/dev/null
}

status=0
for commit in "$@"; do
	while IFS= read -r path; do
		case $path in
		*.md) ;;
		*.[ch] | *.pml)
			if [ "$(code "$commit~" "$path")" != "$(code "$commit" "$path")" ]; then
				echo "$commit: $path: more than comments"
				status=1
			fi
			;;
		*)
			echo "$commit: $path: not a C file"
			status=1
			;;
		esac
	done < <(git diff --name-only "$commit~" "$commit")
done
exit $status
