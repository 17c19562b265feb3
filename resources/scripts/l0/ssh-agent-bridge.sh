#!/usr/bin/env bash
# One client of the ssh agent, on stdin and stdout, to the signer on the host:
# first the token, preceded by its length as four bytes, big endian; then
# whatever the two have to say.
#
# Ends with 1 without a token, with 2 without a usable address.
set -euo pipefail

token=${TEROK_SSH_SIGNER_TOKEN:-}
if [[ -z $token ]]; then
    echo 'ssh-agent-bridge: TEROK_SSH_SIGNER_TOKEN is not set' >&2
    exit 1
fi

if [[ -n ${TEROK_SSH_SIGNER_SOCKET:-} ]]; then
    signer=UNIX-CONNECT:$TEROK_SSH_SIGNER_SOCKET
elif [[ ${TEROK_SSH_SIGNER_PORT:-} =~ ^[0-9]+$ ]]; then
    signer=TCP:host.containers.internal:$TEROK_SSH_SIGNER_PORT
else
    echo 'ssh-agent-bridge: neither TEROK_SSH_SIGNER_SOCKET nor a numeric TEROK_SSH_SIGNER_PORT is set' >&2
    exit 2
fi

handshake() {
    local LC_ALL=C # lengths in bytes
    local length hex
    length=${#token}
    printf -v hex '%08x' "$length"
    printf '%b%s' "\\x${hex:0:2}\\x${hex:2:2}\\x${hex:4:2}\\x${hex:6:2}" "$token"
}

exec 3<&0
status=0
socat - "$signer" < <(handshake; exec cat <&3 3<&-) || status=$?
# The client may still be there after the signer has gone.
kill "$!" 2> /dev/null || :
exit "$status"
