#!/bin/sh
# setup.sh build|test|ci|bench: installs what is missing for that, and nothing else.
#
# Whether something is there is found out by using it, not by asking the package manager.
# When nothing is missing, nothing is installed and the network is left alone.
set -eu

die() {
	echo "set-up: $*" >&2
	exit 1
}

optional=no
case "$#:${1-}" in
1:build) needs='compiler make inih jansson' ;;
1:test) needs='compiler make inih jansson criterion' ;;
1:ci)
	needs='compiler make inih jansson criterion sanitizers clang clang-sanitizers musl clang-format shellcheck mandoc'
	needs="$needs clang-fuzzer valgrind clang-tidy cppcheck pkill spin zsh fish man"
	# Packages are made where they are used.
	if command -v dpkg >/dev/null; then
		needs="$needs dpkg-shlibdeps lintian"
	fi
	;;
1:bench)
	# Whom to compare with, and what draws and computes. The benchmark leaves out what is not there.
	needs='compiler make inih jansson c++ zeromq nng libqb boost iceoryx iox-roudi gnuplot jq pv mbuffer socat'
	optional=yes
	;;
*)
	echo "usage: $0 build|test|ci|bench" >&2
	exit 2
	;;
esac

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# compiles COMPILER FLAGS PROGRAM: can it make a program? COMPILER and FLAGS may be several words.
compiles() {
	printf '%s\n' "$3" >"$scratch/try.c"
	# shellcheck disable=SC2086
	$1 -pthread -o "$scratch/try" "$scratch/try.c" $2 >/dev/null 2>&1
}

plain='#include <pthread.h>
int main(void) { return pthread_self() == 0; }'
with_criterion='#include <criterion/criterion.h>
Test(set_up, works) { cr_assert(1); }'
fuzzed='#include <stddef.h>
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{ return bytes == NULL && size != 0; }'

# includes COMPILER HEADER: can it be included?
includes() {
	printf '#include <%s>\n' "$2" >"$scratch/try.h"
	# shellcheck disable=SC2086
	$1 -E "$scratch/try.h" >/dev/null 2>&1
}

# has NEED: does it work here?
has() {
	case $1 in
	compiler) compiles "${CC:-cc}" '' "$plain" ;;
	criterion) compiles "${CC:-cc}" -lcriterion "$with_criterion" ;;
	sanitizers) compiles "${CC:-cc}" -fsanitize=address,undefined "$plain" ;;
	clang) compiles clang '' "$plain" ;;
	clang-sanitizers) compiles clang -fsanitize=thread "$plain" ;;
	clang-fuzzer) compiles clang -fsanitize=fuzzer "$fuzzed" ;;
	musl) compiles musl-gcc '' "$plain" ;;
	inih) includes "${CC:-cc} -x c" ini.h ;;
	jansson) includes "${CC:-cc} -x c" jansson.h ;;
	c++) command -v "${CXX:-g++}" >/dev/null ;;
	zeromq) includes "${CC:-cc} -x c" zmq.h ;;
	nng) includes "${CC:-cc} -x c" nng/nng.h ;;
	libqb) includes "${CC:-cc} -x c" qb/qbrb.h ;;
	boost) includes "${CXX:-g++} -x c++" boost/interprocess/ipc/message_queue.hpp ;;
	iceoryx) [ -n "$(find /usr/include/iceoryx -name iceoryx_binding_c 2>/dev/null)" ] ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

missing() {
	for need in $needs; do
		has "$need" || printf ' %s' "$need"
	done
}

# packages_of NEED: what it is called in this package manager.
packages_of() {
	case $manager:$1 in
	apt-get:compiler) echo gcc libc6-dev ;;
	dnf:compiler) echo gcc glibc-devel ;;
	apk:compiler) echo gcc musl-dev ;;
	apt-get:criterion) echo libcriterion-dev ;;
	dnf:criterion) echo libcriterion-devel ;;
	apk:criterion) echo criterion-dev ;;
	apt-get:inih) echo libinih-dev ;;
	dnf:inih) echo inih-devel ;;
	apk:inih) echo inih-dev ;;
	apt-get:jansson) echo libjansson-dev ;;
	dnf:jansson) echo jansson-devel ;;
	apk:jansson) echo jansson-dev ;;
	apt-get:sanitizers) echo gcc libc6-dev ;;
	dnf:sanitizers) echo libasan libubsan ;;
	apt-get:musl) echo musl-tools ;;
	dnf:musl) echo musl-gcc ;;
	dnf:clang-format | dnf:clang-tidy) echo clang-tools-extra ;;
	apk:clang-format | apk:clang-tidy) echo clang-extra-tools ;;
	apt-get:clang-sanitizers) echo libclang-rt-dev ;;
	apt-get:clang-fuzzer) echo libclang-rt-dev g++ ;;
	dnf:clang-fuzzer) echo compiler-rt libstdc++-devel ;;
	apk:clang-fuzzer) echo compiler-rt g++ ;;
	dnf:clang-sanitizers | apk:clang-sanitizers) echo compiler-rt ;;
	apt-get:c++ | apk:c++) echo g++ ;;
	dnf:c++) echo gcc-c++ ;;
	apt-get:zeromq) echo libzmq3-dev ;;
	apt-get:nng) echo libnng-dev ;;
	apt-get:libqb) echo libqb-dev ;;
	apt-get:boost) echo libboost-dev ;;
	apt-get:iceoryx) echo libiceoryx-binding-c-dev ;;
	apt-get:iox-roudi) echo iceoryx ;;
	apt-get:gnuplot) echo gnuplot-nox ;;
	dnf:zeromq) echo zeromq-devel ;;
	apk:zeromq) echo zeromq-dev ;;
	dnf:nng) echo nng-devel ;;
	apk:nng) echo nng-dev ;;
	dnf:libqb) echo libqb-devel ;;
	apk:libqb) echo libqb-dev ;;
	dnf:boost) echo boost-devel ;;
	apk:boost) echo boost-dev ;;
	dnf:iceoryx | dnf:iox-roudi | apk:iceoryx | apk:iox-roudi) ;; # there is none
	*:man) echo man-db ;;
	apt-get:dpkg-shlibdeps) echo dpkg-dev ;;
	dnf:pkill) echo procps-ng ;;
	apt-get:pkill | apk:pkill) echo procps ;;
	dnf:shellcheck) echo ShellCheck ;;
	apk:sanitizers | apk:musl) ;; # there is none; what is still missing is told at the end
	*) echo "$1" ;;
	esac
}

# as_root COMMAND...
as_root() {
	# shellcheck disable=SC2086
	$sudo "$@"
}

missing=$(missing)
if [ -z "$missing" ]; then
	echo 'set-up: everything needed is here, nothing to install'
	exit 0
fi

manager=
for candidate in apt-get dnf apk; do
	if command -v "$candidate" >/dev/null; then
		manager=$candidate
		break
	fi
done
[ -n "$manager" ] ||
	die "please install these, there is no apt-get, dnf or apk here to do it:$missing"

packages=
for need in $missing; do
	for package in $(packages_of "$need"); do
		case " $packages " in
		*" $package "*) ;;
		*) packages="$packages $package" ;;
		esac
	done
done
packages=${packages# }
[ -n "$packages" ] || die "$manager has no package for:$missing"

sudo=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null ||
		die "please install these as root, there is no sudo here: $packages"
	sudo=sudo
fi

echo "set-up: missing:$missing; installing with ${sudo:+$sudo }$manager: $packages"
# install PACKAGE...: with no question asked.
install() {
	case $manager in
	apt-get)
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
			-o DPkg::Lock::Timeout=120 install "$@"
		;;
	dnf) as_root dnf -q -y --setopt=install_weak_deps=False install "$@" ;;
	apk) as_root apk add -q --no-cache "$@" ;;
	esac </dev/null
}

if [ $manager = apt-get ]; then
	as_root apt-get -qq update </dev/null ||
		echo 'set-up: apt-get could not update every package list; trying with what is there' >&2
fi
# shellcheck disable=SC2086
if ! install $packages; then
	[ $optional = yes ] || die "$manager could not install: $packages"
	# One that does not exist here shall not keep the others out.
	for package in $packages; do
		install "$package" || echo "set-up: $manager could not install: $package" >&2
	done
fi

missing=$(missing)
if [ -n "$missing" ] && [ $optional = yes ]; then
	echo "set-up: done, without:$missing"
	exit 0
fi
[ -z "$missing" ] || die "installed, but these still do not work:$missing${CC:+ (CC is \"$CC\")}"
echo 'set-up: done'
