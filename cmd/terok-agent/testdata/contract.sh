#!/bin/sh
# contract.sh asks finished images, from inside, whether they keep what is
# promised. $BASE, $L0, $L1 are their names, $AGENTS is what was selected.
set -eu
look() { podman run --rm --network=host -v "$WORK/probe.sh:/probe.sh:ro" "$@"; }
look "$L0" bash /probe.sh l0
look "$L1" bash /probe.sh l1 "$AGENTS"
look --user root "$L1" bash /probe.sh root

# Packages brought no program with the rights of another user, but sudo.
setid() { look --user root "$1" find / -xdev -type f -perm /6000 | sort; }
setid "$BASE" > had
setid "$L1" > has
new=$(grep -vxFf had has)
if [ "$new" != /usr/bin/sudo ]; then
    echo "set-id programs that $BASE has not, beside sudo: $new" >&2
    exit 1
fi

label=$(podman image inspect --format '{{index .Labels "ai.terok.agents"}}' "$L1")
if [ "$label" != "$AGENTS" ]; then
    echo "the label says $label" >&2
    exit 1
fi
