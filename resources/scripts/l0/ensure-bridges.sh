#!/usr/bin/env bash
# Starts the relays between container and host that are wanted and not running.
# To be sourced, as often as one likes, also under "set -euo pipefail".
#
# A relay is running when the process in its PID file is. A socket says nothing:
# it outlives its process. A PID alone says little either: after a restart of
# the container the number may belong to anyone, so the command line must match.

_terok_tmp=${TEROK_ROOT:-}/tmp
_terok_run=${TEROK_ROOT:-}/run/terok

_terok_relay_runs() { # PID-FILE LISTEN
    local pid='' args=()
    if [[ -r $1 ]]; then read -r pid < "$1" || :; fi
    [[ $pid =~ ^[0-9]+$ ]] && kill -0 "$pid" 2> /dev/null || return 1
    [[ -r /proc/$pid/cmdline ]] || return 0
    mapfile -d '' args < "/proc/$pid/cmdline" 2> /dev/null || :
    [[ " ${args[*]} " == *" $2 "* ]]
}

# The subshell keeps job messages out of interactive shells and lets the relay
# outlive the terminal; the lock keeps two shells from starting it twice.
_terok_relay() ( # NAME LISTEN CONNECT
    pid_file=$_terok_tmp/.terok/$1.pid
    if _terok_relay_runs "$pid_file" "$2"; then exit 0; fi
    mkdir -p "$_terok_tmp/.terok" || :
    if type -P flock > /dev/null; then
        exec 9> "$_terok_tmp/.terok/$1.lock" && flock -n 9 || exit 0
        if _terok_relay_runs "$pid_file" "$2"; then exit 0; fi
    fi
    case $2 in
        UNIX-LISTEN:*)
            path=${2#UNIX-LISTEN:}
            rm -f "${path%%,*}"
            ;;
    esac
    trap '' HUP INT
    socat "$2" "$3" < /dev/null > /dev/null 2>&1 9>&- &
    echo "$!" > "$pid_file"
)

_terok_relays() {
    local host=host.containers.internal
    type -P socat > /dev/null || return 0
    if [[ -n ${TEROK_SSH_SIGNER_TOKEN:-} && -n ${TEROK_SSH_SIGNER_SOCKET:-}${TEROK_SSH_SIGNER_PORT:-} ]]; then
        _terok_relay ssh-agent "UNIX-LISTEN:$_terok_tmp/ssh-agent.sock,fork,mode=600" EXEC:ssh-agent-bridge.sh || :
        export SSH_AUTH_SOCK=$_terok_tmp/ssh-agent.sock
    fi
    if [[ -n ${TEROK_VAULT_LOOPBACK_PORT:-} && -S $_terok_run/vault.sock ]]; then
        _terok_relay vault-loopback \
            "TCP-LISTEN:$TEROK_VAULT_LOOPBACK_PORT,bind=127.0.0.1,fork,reuseaddr" \
            "UNIX-CONNECT:$_terok_run/vault.sock" || :
    fi
    if [[ -n ${TEROK_TOKEN_BROKER_PORT:-} ]]; then
        _terok_relay vault-socket "UNIX-LISTEN:$_terok_tmp/terok-vault.sock,fork,mode=600" \
            "TCP:$host:$TEROK_TOKEN_BROKER_PORT" || :
    fi
    if [[ -n ${TEROK_GATE_SOCKET:-} ]]; then
        _terok_relay gate TCP-LISTEN:9418,fork,reuseaddr "UNIX-CONNECT:$TEROK_GATE_SOCKET" || :
    fi
}

_terok_relays || :
unset -f _terok_relays _terok_relay _terok_relay_runs
unset _terok_tmp _terok_run
