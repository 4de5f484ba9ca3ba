#!/bin/sh
# deb-check.sh PACKAGE.deb: lintian has no error to report; it can be installed in a root of its
# own, its tools work from there, and removing it leaves nothing.
set -eu

die() {
	echo "deb-check: $*" >&2
	exit 1
}

[ $# -eq 1 ] || {
	echo "usage: $0 PACKAGE.deb" >&2
	exit 2
}
[ -f "$1" ] || die "there is no package \"$1\": make deb makes it"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

dpkg-deb --info "$1"
if command -v lintian >/dev/null; then
	lintian --allow-root --no-cfg --fail-on error,warning "$1"
else
	echo 'deb-check: there is no lintian, which would look at the package'
fi

# What it depends on is here, but not in that root.
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/var/log"
: >"$root/var/lib/dpkg/status"
: >"$root/var/lib/dpkg/available"
in_root() {
	dpkg --root="$root" --log="$root/var/log/dpkg.log" --force-depends --force-not-root "$@"
}
files() {
	find "$root" -path "$root/var" -prune -o -mindepth 1 -print
}
in_root --install "$1" 2>&1 | sed 's/^/    /'
dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${Package} ${Version} ${Status}\n' shm-channel
(cd "$root" && md5sum --quiet -c var/lib/dpkg/info/shm-channel.md5sums)

channel=deb-check.$$
"$root/usr/bin/shm-produce" -C "$channel" 'from a package'
[ "$("$root/usr/bin/shm-consume" -C "$channel")" = 'from a package' ] || die 'it does not work'
for page in man1/shm-produce.1 man1/shm-consume.1 man5/shm-channel.5 man7/shm-channel.7; do
	gzip -t "$root/usr/share/man/$page.gz"
done
for name in bash-completion/completions/shm-consume zsh/vendor-completions/_shm-consume \
	fish/vendor_completions.d/shm-consume.fish; do
	[ -s "$root/usr/share/$name" ] || die "there is no $name in it"
done

in_root --purge shm-channel | sed 's/^/    /'
left=$(files)
[ -z "$left" ] || die "removing it left: $left"
echo 'deb-check: installed, used, removed'
