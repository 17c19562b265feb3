#!/usr/bin/env bash
# Defines who commits: the agent, the person it works for, or one as author and
# the other as committer. To be sourced.

# _terok_apply_git_identity NAME EMAIL sets git's four variables in the current
# shell, for an agent of that name, as TEROK_GIT_AUTHORSHIP asks.
_terok_apply_git_identity() {
    local agent="${1:-AI Agent}" agent_mail="${2:-ai-agent@localhost}"
    local human="${HUMAN_GIT_NAME:-Nobody}" human_mail="${HUMAN_GIT_EMAIL:-nobody@localhost}"
    unset GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
    case "${TEROK_GIT_AUTHORSHIP:-agent-human}" in
        human | human-agent)
            export GIT_AUTHOR_NAME="$human" GIT_AUTHOR_EMAIL="$human_mail"
            ;;
        *)
            export GIT_AUTHOR_NAME="$agent" GIT_AUTHOR_EMAIL="$agent_mail"
            ;;
    esac
    case "${TEROK_GIT_AUTHORSHIP:-agent-human}" in
        agent | human-agent)
            export GIT_COMMITTER_NAME="$agent" GIT_COMMITTER_EMAIL="$agent_mail"
            ;;
        *)
            export GIT_COMMITTER_NAME="$human" GIT_COMMITTER_EMAIL="$human_mail"
            ;;
    esac
}
