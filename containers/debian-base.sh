#!/bin/sh
# Makes a base image from Debian's packages, for a machine that reaches no image registry.
#
#   containers/debian-base.sh [NAME]    NAME: localhost/sdc-base unless you say otherwise
#
# Needs root, debootstrap and buildah. Takes Debian's mirror from this machine's own sources; MIRROR=... names another.
# Use it with: just image cpu --base NAME
set -eu
name=${1:-localhost/sdc-base}
suite=${SUITE:-bookworm}

fail() {
    echo "debian-base: $1" >&2
    exit 2
}

for program in debootstrap buildah; do
    command -v "$program" >/dev/null || fail "$program not found; run: apt-get install $program"
done
[ "$(id -u)" -eq 0 ] || fail "debootstrap needs root; run it with sudo"
if [ -z "${MIRROR:-}" ]; then
    MIRROR=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ')
fi
[ -n "$MIRROR" ] || fail "this machine's apt names no Debian mirror; name one: MIRROR=... $0"

folder=$(mktemp -d)
container=
clean() {
    [ -z "$container" ] || buildah rm "$container" >/dev/null
    rm -rf "$folder"
}
trap clean EXIT
debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,libpython3-dev,ca-certificates "$suite" "$folder/root" "$MIRROR"
# What differs from one making to the next, and what no image needs.
rm -rf "$folder"/root/var/cache/apt/archives/*.deb "$folder"/root/var/lib/apt/lists/* "$folder"/root/var/log/* "$folder"/root/var/cache/ldconfig/*
: >"$folder/root/etc/machine-id"
rm -f "$folder/root/etc/resolv.conf" "$folder/root/etc/hostname"
container=$(buildah from scratch)
buildah add --quiet "$container" "$folder/root" / >/dev/null
buildah commit --quiet --timestamp 0 "$container" "$name" >/dev/null
echo "$name"
