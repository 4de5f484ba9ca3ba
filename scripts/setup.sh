#!/bin/sh
# setup.sh build|test|ci: installs what is missing for that, and nothing else.
#
# Whether something is there is found out by using it, not by asking the package manager.
# When nothing is missing, nothing is installed and the network is left alone.
set -eu

die() {
	echo "set-up: $*" >&2
	exit 1
}

case "$#:${1-}" in
1:build) needs='compiler make' ;;
1:test) needs='compiler make criterion' ;;
1:ci)
	needs='compiler make criterion sanitizers clang clang-sanitizers musl clang-format shellcheck mandoc'
	needs="$needs clang-fuzzer valgrind clang-tidy cppcheck pkill spin"
	;;
*)
	echo "usage: $0 build|test|ci" >&2
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
installed=yes
# shellcheck disable=SC2086
case $manager in
apt-get)
	as_root apt-get -qq update ||
		echo 'set-up: apt-get could not update every package list; trying with what is there' >&2
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
		-o DPkg::Lock::Timeout=120 install $packages || installed=no
	;;
dnf) as_root dnf -q -y --setopt=install_weak_deps=False install $packages || installed=no ;;
apk) as_root apk add -q --no-cache $packages || installed=no ;;
esac </dev/null
[ $installed = yes ] || die "$manager could not install: $packages"

missing=$(missing)
[ -z "$missing" ] || die "installed, but these still do not work:$missing${CC:+ (CC is \"$CC\")}"
echo 'set-up: done'
