# shellcheck shell=bash
# Shared by the scripts beside it; sourced, never run: what it sets is used there.
# shellcheck disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/terok-agent

# Go is often unpacked there without being on PATH, and an ordinary user's PATH
# has no sbin, where runc lies.
PATH=$PATH:/usr/local/go/bin:/usr/sbin:/sbin

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
	printf 'error: %s\n' "$1" >&2
	shift
	(($# == 0)) || printf 'hint: %s\n' "$@" >&2
	exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" -eq 0 ]; }

# at_least WANTED FOUND: is version FOUND the same or newer?
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }
