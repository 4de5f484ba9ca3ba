#!/bin/sh
# deb.sh FOLDER: makes a Debian package in FOLDER. What it consists of is what "make install"
# places; what it depends on, dpkg-shlibdeps says.
set -eu

die() {
	echo "deb: $*" >&2
	exit 1
}

[ $# -eq 1 ] || {
	echo "usage: $0 FOLDER" >&2
	exit 2
}
mkdir -p -- "$1"
folder=$(CDPATH='' cd -- "$1" && pwd) # before we go elsewhere: it may be relative
cd "$(dirname "$0")/.."
for program in dpkg-deb dpkg-shlibdeps dpkg-buildflags dpkg-parsechangelog make strip; do
	command -v "$program" >/dev/null || die "there is no $program: scripts/setup.sh ci installs it"
done
umask 022
# All but the package itself is made elsewhere: FOLDER is the user's, with whatever is in it.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
root=$work/root
mkdir -p "$root/DEBIAN" "$work/control/debian"

changelog() {
	dpkg-parsechangelog -l scripts/deb/changelog -S "$1"
}
package=$(changelog Source)
version=$(changelog Version)
program_version=$(sed -n 's/^#define CLI_VERSION "\(.*\)"/\1/p' common/cli/cli.h)
[ "$version" = "$program_version" ] ||
	die "scripts/deb/changelog says version $version, common/cli/cli.h $program_version"
# The same sources give the same package.
SOURCE_DATE_EPOCH=$(changelog Timestamp)
export SOURCE_DATE_EPOCH

# flags NAME: how Debian builds, with all that hardens.
flags() {
	DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --get "$1"
}
make BUILD="$work/build" PREFIX=/usr ZSHDIR=/usr/share/zsh/vendor-completions DESTDIR="$root" \
	CFLAGS="$(flags CFLAGS)" CPPFLAGS="$(flags CPPFLAGS)" LDFLAGS="$(flags LDFLAGS)" SAN='' all install

# contained SYMBOL PACKAGE: a library that the programs contain, with its version, to be traced.
contained() {
	nm "$root"/usr/bin/* | grep -q " T $1\$" || return 0
	# shellcheck disable=SC2016
	dpkg-query -W -f '${source:Package} (= ${source:Version})\n' "$2" 2>/dev/null || :
}
contained=$({
	contained ini_parse_stream libinih-dev
	contained json_object libjansson-dev
} | paste -s -d , - | sed 's/,/, /g')

strip --remove-section=.comment --remove-section=.note "$root"/usr/bin/*
documents=$root/usr/share/doc/$package
mkdir -p "$documents"
cp scripts/deb/copyright "$documents/copyright"
gzip -9nc scripts/deb/changelog >"$documents/changelog.gz"
if [ -n "$contained" ]; then
	mkdir -p "$root/usr/share/lintian/overrides"
	cp scripts/deb/overrides "$root/usr/share/lintian/overrides/$package"
fi
find "$root/usr/share/man" -type f -exec gzip -9n {} +

printf 'Source: %s\n\nPackage: %s\nArchitecture: any\n' "$package" "$package" \
	>"$work/control/debian/control"
depends=$(cd "$work/control" && dpkg-shlibdeps -O "$root"/usr/bin/*)
size=$(du -sk "$root/usr" | cut -f 1)
sed -e "s|@VERSION@|$version|" -e "s|@ARCHITECTURE@|$(dpkg --print-architecture)|" \
	-e "s|@MAINTAINER@|$(changelog Maintainer)|" -e "s|@SIZE@|$size|" \
	-e "s|@DEPENDS@|${depends#shlibs:Depends=}|" -e "s|@CONTAINED@|$contained|" \
	-e '/^[A-Z][A-Za-z-]*: *$/d' scripts/deb/control >"$root/DEBIAN/control"
(cd "$root" && find usr -type f | LC_ALL=C sort | xargs md5sum >DEBIAN/md5sums)

# Those of other versions would be mistaken for it.
rm -f -- "$folder/${package}_"*.deb
dpkg-deb --root-owner-group --build "$root" "$folder"
