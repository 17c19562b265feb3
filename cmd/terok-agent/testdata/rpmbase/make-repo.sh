#!/bin/sh
# make-repo.sh NAMES DIR: packs one package for each name in the file NAMES, and
# puts them and their index into DIR. Those with a program have a real one, so
# that what dnf unpacks is seen; the others are empty.
set -eu
names=$1
dir=$2
work=$(mktemp -d)

program() {
    case $1 in
        fd-find) echo /usr/bin/fd "$(command -v fdfind)" ;;
        ripgrep) echo /usr/bin/rg "$(command -v rg)" ;;
        tree) echo /usr/bin/tree "$(command -v tree)" ;;
    esac
}

{
    cat << 'SPEC'
%global debug_package %{nil}
%global __os_install_post %{nil}
Name: stand-in
Version: 1
Release: 1
Summary: Stand-ins for packages of a distribution
License: none
AutoReqProv: no
%description
Stand-ins.
%install
SPEC
    while read -r name; do
        program "$name" | while read -r to from; do
            echo "install -D -m 0755 $from %{buildroot}$to"
        done
    done < "$names"
    while read -r name; do
        printf '%%package -n %s\nSummary: A stand-in\nAutoReqProv: no\n%%description -n %s\nA stand-in.\n%%files -n %s\n' "$name" "$name" "$name"
        program "$name" | while read -r to _; do echo "$to"; done
    done < "$names"
} > "$work/stand-in.spec"
rpmbuild -bb --quiet --define "_topdir $work" "$work/stand-in.spec"
mkdir -p "$dir/packages"
mv "$work"/RPMS/*/*.rpm "$dir/packages/"
createrepo_c --quiet "$dir"
