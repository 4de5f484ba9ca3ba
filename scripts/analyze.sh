#!/bin/bash
# analyze.sh [thread|memcheck|tidy|cppcheck]...: what tools find that tests do not; all by default.
#
#   thread    the stress program under the thread sanitizer, gcc's and clang's
#   memcheck  both tools under valgrind, in a handful of scenes
#   tidy      clang-tidy, with .clang-tidy
#   cppcheck  with .cppcheck-suppressions
#
# Installs nothing. Builds below $BUILD, or build. Exit status: 0, or 1 for a finding or a
# tool that is missing, or 2 for a usage error.
set -euo pipefail
cd "$(dirname "$0")/.."

build=${BUILD:-build}
# What is found here is not to depend on the environment.
unset BUILD CC CFLAGS CPPFLAGS LDFLAGS LDLIBS SAN TOOLS V MAKEFLAGS SHM_CHANNEL SHM_CONFIG \
	TSAN_OPTIONS VALGRIND_OPTS
export XDG_CONFIG_HOME=/nonexistent
jobs=$(nproc)
messages=300000
scratch=$(mktemp -d)
channel=analyze.$$
trap 'rm -rf "$scratch" "/dev/shm/shm-channel.$(id -u).$channel"' EXIT

say() {
	echo "analyze: $*" >&2
}

# need TOOL...: are they there?
need() {
	local tool status=0
	for tool in "$@"; do
		if ! command -v "$tool" >/dev/null; then
			say "\"$tool\" is missing; please install it"
			status=1
		fi
	done
	return $status
}

# ---- thread ----

# gcc warns (-Wtsan) that its thread sanitizer does not take fences into account. Ours order one
# atomic word after another, for a sleeper that announces itself and looks once more; no plain
# memory relies on them. They are executed all the same.
thread_with() {
	local cc=$1 flags=$2 folder=$build/$1-thread
	need "$cc" || return 1
	make -j"$jobs" CC="$cc" SAN=thread BUILD="$folder" CFLAGS="$flags" "$folder/tests/stress"
	"$folder/tests/stress" "$messages"
	"$folder/tests/stress" $((messages / 10)) 16 1
	"$folder/tests/stress" $((messages / 10)) 1 16
}

step_thread() {
	thread_with gcc '-O1 -g -Werror -Wno-tsan'
	thread_with clang '-O1 -g -Werror'
}

# ---- memcheck ----

# Each process writes what is found to a log of its own: the status of one that ends by a
# signal does not tell it. The tools leave a signal ignored that was ignored when they were
# started, as a shell without job control does with SIGINT for all that it starts in the background:
# whichever way this script was started, the scene that sends SIGINT needs it not ignored.
tool() {
	local name=$1
	shift
	env --default-signal=INT,QUIT,TERM,HUP valgrind -q --error-exitcode=99 --leak-check=full --log-file="$scratch/memcheck.%p" \
		"$build/memcheck/$name" -q -C "$channel" "$@"
}
produce() { tool shm-produce -s 4K -w 60 "$@"; }
consume() { tool shm-consume -s 4K -w 60 "$@"; }

# expect STATUS COMMAND...
expect() {
	local expected=$1 status=0
	shift
	"$@" || status=$?
	if [ "$status" -ne "$expected" ]; then
		say "\"$*\" ended with $status, not $expected"
		return 1
	fi
}

# same NAME: did what was sent come out?
same() {
	if ! cmp "$scratch/in" "$scratch/out"; then
		say "memcheck: $1: other bytes came out"
		return 1
	fi
}

# signalled SIGNAL STATUS WORD COMMAND...: sends the signal when the tool tells its story up to
# this word, which is when it begins to wait.
signalled() {
	local signal=$1 expected=$2 word=$3 pid
	shift 3
	: >"$scratch/story"
	"$@" -v 2>"$scratch/story" &
	pid=$!
	until grep -q "$word" "$scratch/story"; do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	# The process itself, which the shell's function only wraps.
	pkill -"$signal" -P "$pid" || :
	expect "$expected" wait "$pid"
}

scene_operand() {
	echo 'one message' >"$scratch/in"
	produce 'one message'
	consume >"$scratch/out"
	same operand
}

scene_lines() {
	local pid
	seq 1 500 >"$scratch/in"
	produce <"$scratch/in" &
	pid=$!
	consume >"$scratch/out"
	wait $pid
	same 'lines, producer first'
	consume >"$scratch/out" &
	pid=$!
	produce <"$scratch/in"
	wait $pid
	same 'lines, consumer first'
}

scene_long() {
	local pid
	seq 1 3000 >"$scratch/in"
	consume -D '' >"$scratch/out" &
	pid=$!
	produce -i "$scratch/in"
	wait $pid
	same 'a message longer than the ring'
}

scene_block() {
	printf 'a;b;c;d;e;' | produce -D ';'
	printf 'a\nb\nc\nd::e::' >"$scratch/in"
	consume -c 3 >"$scratch/out"
	consume -D '::' >>"$scratch/out"
	same 'part of a block, other delimiters'
}

scene_command() {
	seq 1 20 >"$scratch/in"
	produce <"$scratch/in"
	consume -j 3 -b 7 -- tee -a "$scratch/out.unsorted" >/dev/null
	sort -n "$scratch/out.unsorted" >"$scratch/out"
	same 'a command for each batch'
	produce -i "$scratch/in"
	expect 123 consume -j 2 --retries 1 --retry-delay 0 --on-failure dead \
		--dead-letter "$channel.dead" -- false 2>/dev/null
	consume -C "$channel.dead" -D '' >"$scratch/out"
	same 'a dead letter'
}

scene_signal() {
	signalled INT 130 'waiting for data' consume
	seq 1 3000 >"$scratch/in"
	echo first >"$scratch/first"
	signalled TERM 143 'data ready' produce -i "$scratch/first" -i "$scratch/in"
	expect 4 consume -D '' >"$scratch/out"
}

scene_timeout() {
	expect 124 consume -w 0.2 2>/dev/null
	seq 1 3000 >"$scratch/in"
	expect 124 produce -w 0.2 -i "$scratch/in" 2>/dev/null
	expect 4 consume -D '' >"$scratch/out"
}

step_memcheck() {
	local name log status=0
	need valgrind gcc pkill || return 1
	make -j"$jobs" CC=gcc BUILD="$build/memcheck" CFLAGS='-O1 -g -Werror' all
	# The trap is this step's own. What was found is shown however the step ends.
	trap 'cat "$scratch"/memcheck.* 2>/dev/null || :' EXIT
	for name in operand lines long block command signal timeout; do
		"scene_$name"
		echo "$name"
	done
	for log in "$scratch"/memcheck.*; do
		sed -i '/^--[0-9]*-- /d' "$log" # it may not know a system call; we then do without
		[ ! -s "$log" ] || status=1
	done
	echo "$(find "$scratch" -name 'memcheck.*' | wc -l) processes checked"
	return $status
}

# ---- tidy and cppcheck ----

# All of the code: as if built with each library that is here.
features=()
for feature in ini.h:WITH_INIH jansson.h:WITH_JANSSON; do
	if [ -e "/usr/include/${feature%:*}" ]; then features+=("-D${feature#*:}"); fi
done
flags=(-std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Icommon -I. -pthread "${features[@]}")

# tidy CHECKS FILE...: with these checks less.
tidy() {
	local checks=$1
	shift
	printf '%s\n' "$@" | xargs -P"$jobs" -I{} \
		clang-tidy --quiet --checks="$checks" {} -- "${flags[@]}" 2>"$scratch/tidy" || {
		grep -v '^[0-9]* warnings\? .*generated' "$scratch/tidy" >&2
		return 1
	}
}

# Tests multiply small constants and read numbers that they wrote. A Criterion assertion is
# hundreds of branches, and the analyzer would go through all of them.
step_tidy() {
	local status=0
	local lenient=-bugprone-implicit-widening-of-multiplication-result,-cert-err34-c
	need clang-tidy || return 1
	local sources tests programs
	mapfile -t sources < <(find common producer consumer -name '*.c' | sort)
	mapfile -t tests < <(find tests -name 'test_*.c' | sort)
	mapfile -t programs < <(find tests -name '*.c' ! -name 'test_*' ! -path 'tests/bench/*' | sort)
	tidy '' "${sources[@]}" || status=1
	tidy "$lenient" "${programs[@]}" || status=1
	tidy "$lenient,-clang-analyzer-*" "${tests[@]}" || status=1
	return $status
}

step_cppcheck() {
	local common=(-q -j"$jobs" --std=c11 --language=c --error-exitcode=1
		--suppressions-list=.cppcheck-suppressions -Icommon -I. -D_GNU_SOURCE -D__linux__
		-D__GLIBC__=2 "${features[@]}" --suppress=missingInclude --inline-suppr)
	local status=0
	need cppcheck || return 1
	cppcheck "${common[@]}" --enable=warning,style,performance,portability \
		common producer consumer || status=1
	# Criterion's macros, as far as they matter here, and without those of weak.h.
	cppcheck "${common[@]}" --enable=warning,performance,portability \
		'-DTestSuite(...)=' -DWEAK_ITSELF= \
		'-DTest(suite,name,...)=static void suite##_##name(void)' '--file-filter=*.c' \
		tests || status=1
	return $status
}

# ---- the steps ----

all=(thread memcheck tidy cppcheck)
for step in "$@"; do
	case " ${all[*]} " in
	*" $step "*) ;;
	*)
		echo "usage: $0 [$(IFS='|' && echo "${all[*]}")]..." >&2
		exit 2
		;;
	esac
done
[ $# -gt 0 ] || set -- "${all[@]}"

failed=()
for step in "$@"; do
	began=$SECONDS
	echo "== $step"
	set +e # called in no condition, which would switch the stopping at errors off
	(
		set -e
		"step_$step"
	)
	status=$?
	set -e
	echo "== $step: $([ $status -eq 0 ] && echo clean || echo FAILED) in $((SECONDS - began)) s"
	[ $status -eq 0 ] || failed+=("$step")
done
[ ${#failed[@]} -eq 0 ] || say "failed: ${failed[*]}"
[ ${#failed[@]} -eq 0 ]
