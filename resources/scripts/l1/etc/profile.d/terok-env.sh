#!/usr/bin/env bash
# The environment of every bash in the image: login shells read it from
# profile.d, interactive ones from the system's bashrc, all others through
# BASH_ENV. It runs for each "bash -c", so it is quick, quiet and never fails.

# profile.d is also read by other shells.
[ -n "${BASH_VERSION:-}" ] || return 0

# The mark of having been here is a function: agents that snapshot a shell carry
# variables over, but not always functions.
if declare -F _terok_apply_git_identity > /dev/null; then return 0; fi

for _terok_dir in /home/dev/.opencode/bin /home/dev/.local/bin /home/dev/.npm-packages/bin; do
    case :$PATH: in
        *":$_terok_dir:"*) ;;
        *) PATH=$_terok_dir:$PATH ;;
    esac
done
export PATH

_terok_share=${TEROK_ROOT:-}/usr/local/share/terok

if [ -r "$_terok_share/terok-env-git-identity.sh" ]; then
    # shellcheck source=../../usr/local/share/terok/terok-env-git-identity.sh
    . "$_terok_share/terok-env-git-identity.sh" || :
fi

# What these do on a forge is done in a person's name.
_terok_as_human() (
    if declare -F _terok_apply_git_identity > /dev/null; then
        TEROK_GIT_AUTHORSHIP=human
        _terok_apply_git_identity '' ''
    fi
    command "$@"
)
gh() { _terok_as_human gh "$@"; }
glab() { _terok_as_human glab "$@"; }

# Relays die with a container that is stopped; the next shell brings them back.
if type -P socat > /dev/null && type -P ensure-bridges.sh > /dev/null; then
    # shellcheck source=../../../l0/ensure-bridges.sh
    . ensure-bridges.sh 2> /dev/null || :
fi

if [ -S "${TEROK_ROOT:-}/tmp/ssh-agent.sock" ]; then
    export SSH_AUTH_SOCK="${TEROK_ROOT:-}/tmp/ssh-agent.sock"
elif [ "${SSH_AUTH_SOCK:-}" = "${TEROK_ROOT:-}/tmp/ssh-agent.sock" ]; then
    unset SSH_AUTH_SOCK
fi

# Per task, from the host; absent outside of a task.
if [ -r "$_terok_share/terok-env-wrappers.sh" ]; then
    # shellcheck source=/dev/null
    . "$_terok_share/terok-env-wrappers.sh" || :
fi

unset _terok_dir _terok_share
