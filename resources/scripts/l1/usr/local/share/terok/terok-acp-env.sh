#!/usr/bin/env bash
# What every ACP wrapper sources first: the git identity of the agent named by
# _AGENT_NAME and _AGENT_EMAIL.

_terok_identity=${TEROK_ROOT:-}/usr/local/share/terok/terok-env-git-identity.sh
if [ -r "$_terok_identity" ]; then
    # shellcheck source=terok-env-git-identity.sh
    . "$_terok_identity"
    _terok_apply_git_identity "${_AGENT_NAME:?}" "${_AGENT_EMAIL:?}"
fi
unset _terok_identity
