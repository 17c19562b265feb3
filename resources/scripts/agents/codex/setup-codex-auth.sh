#!/usr/bin/env bash
# Codex's login for a container whose port 1455 the host publishes: the login
# listens on loopback only, so what comes to the container's address is led
# there.
set -euo pipefail

address=$(ip -4 -o addr show scope global | awk '{ sub("/.*", "", $4); print $4; exit }')
if [[ -z $address ]]; then
    echo "setup-codex-auth: this container has no address" >&2
    exit 1
fi
socat "TCP-LISTEN:1455,bind=$address,fork,reuseaddr" TCP:127.0.0.1:1455 &
relay=$!
trap 'kill "$relay" 2> /dev/null || true' EXIT
codex login "$@"
