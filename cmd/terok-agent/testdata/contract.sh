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
new=$(grep -vxFf had has | grep -vx /usr/bin/sudo || true)
if [ -n "$new" ]; then
    echo "set-id programs that $BASE has not, beside sudo: $new" >&2
    exit 1
fi

label=$(podman image inspect --format '{{index .Labels "ai.terok.agents"}}' "$L1")
if [ "$label" != "$AGENTS" ]; then
    echo "the label says $label" >&2
    exit 1
fi

# L1 stores what is in its parts once, and as the same layers: who pushes both
# pushes them once.
part=$(podman images --format '{{.Repository}}:{{.Tag}}' | grep /terok-tool-ast-grep:)
layers() { podman image inspect --format '{{range .RootFS.Layers}}{{println .}}{{end}}' "$1" | grep .; }
layers "$L1" > has
for image in "$L0" "$part"; do
    other=$(layers "$image" | grep -vxFf has || true)
    if [ -n "$other" ]; then
        echo "$L1 has not the layers of $image: $other" >&2
        exit 1
    fi
done
bytes() { podman image inspect --format '{{.Size}}' "$1"; }
more=$(($(bytes "$L1") - $(bytes "$L0") - $(bytes "$part")))
if [ "$more" -gt 200000 ]; then
    echo "$L1 holds $more bytes more than $L0 and $part" >&2
    exit 1
fi
