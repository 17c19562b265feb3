#!/usr/bin/env bash
# Starts a container: permission mode, relays to the host, ssh, the repository
# in the workspace; then a shell. Hosts wait for the line ">> init complete".
#
# Ends with 128 when the workspace holds foreign files, else with the status of
# the git command that failed.
set -euo pipefail

root=${TEROK_ROOT:-}
repo=${REPO_ROOT:-}
code=${CODE_REPO:-}
cache=${CLONE_FROM:-}
branch=${GIT_BRANCH:-}
marker=$repo/.new-task-marker # a host leaves it for a task that starts afresh
patience=${TEROK_GIT_TIMEOUT:-60}

say() { printf '>> %s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
in_repo() { git -C "$repo" "$@"; }
# What must not hold up a start: no questions, and an end in sight.
briefly() { GIT_TERMINAL_PROMPT=0 timeout "$patience" git -C "$repo" "$@"; }
on_origin() { in_repo rev-parse --verify --quiet "refs/remotes/origin/$1" > /dev/null; }

# Before any git command, so that a failing clone leaves the mode right.
set_permission_mode() {
    [[ ${TEROK_UNRESTRICTED:-} == 1 && -d $root/etc/claude-code ]] || return 0
    printf '{"permissions": {"defaultMode": "bypassPermissions"}}\n' \
        > "$root/etc/claude-code/managed-settings.json" \
        || warn "cannot write the managed settings of claude"
}

start_relays() {
    if type -P ensure-bridges.sh > /dev/null; then
        # shellcheck source=ensure-bridges.sh
        source ensure-bridges.sh
    fi
}

set_up_ssh() {
    [[ -n ${SSH_AUTH_SOCK:-} ]] || return 0
    mkdir -p ~/.ssh
    chmod 0700 ~/.ssh
    printf 'Host *\n    StrictHostKeyChecking accept-new\n' > ~/.ssh/config
    chmod 0644 ~/.ssh/config
    if [[ $code == *github.com* ]]; then
        timeout 5 ssh -T -o BatchMode=yes git@github.com < /dev/null > /dev/null 2>&1 || :
    fi
}

trust_workspace() {
    git config --global --get-all safe.directory | grep -Fxq -- "$repo" \
        || git config --global --add safe.directory "$repo"
}

sync_repository() {
    [[ -n $repo && -n $code ]] || return 0
    mkdir -p "$repo"
    trust_workspace
    if [[ -e $marker && -e $repo/.git ]]; then wipe_foreign; fi
    if [[ ! -e $repo/.git ]]; then
        clone_fresh
    elif [[ -e $marker ]]; then
        refresh
    else
        resume
    fi
    point_at_gate
    compare_external
}

# A workspace that was prepared for another repository is of no use to a task
# that has not begun.
wipe_foreign() {
    local origin
    origin=$(in_repo remote get-url origin 2> /dev/null) || origin=''
    if [[ $origin == "$code" || (-n $cache && $origin == "$cache") ]]; then return 0; fi
    say "the workspace holds ${origin:-no origin} instead of $code: starting from nothing"
    find "$repo" -mindepth 1 -delete
}

clone_fresh() {
    rm -f "$marker"
    if [[ -n $(ls -A "$repo") ]]; then
        printf 'error: %s is not empty and not a git repository, it holds:\n' "$repo" >&2
        ls -A "$repo" >&2
        exit 128
    fi
    local from=${cache:-$code}
    clone_branch_or_default "$from"
    if [[ $from != "$code" ]]; then
        leave_cache
    elif [[ -n $branch ]]; then
        switch_to_wanted
    fi
}

clone_branch_or_default() {
    local log status=0
    log=$(mktemp)
    say "cloning $1${branch:+, branch $branch}"
    clone "$1" "$log" ${branch:+--branch "$branch"} || status=$?
    if [[ $status -ne 0 && -n $branch ]] && grep -q 'Remote branch .* not found' "$log"; then
        warn "$1 has no branch $branch, taking its default branch"
        status=0
        clone "$1" "$log" || status=$?
    fi
    rm -f "$log"
    if [[ $status -ne 0 ]]; then exit "$status"; fi
}

# Git's messages are shown as they come and kept for reading, in English.
clone() {
    local from=$1 log=$2
    shift 2
    { LC_ALL=C git clone --recurse-submodules "$@" -- "$from" "$repo" 2>&1 >&3 | tee "$log" >&2; } 3>&1
}

# The clone came from a cache: from here on the real repository counts, also
# for what the cache has not seen yet.
leave_cache() {
    in_repo remote set-url origin "$code"
    in_repo remote set-url --push origin "$code"
    if ! briefly fetch --all --prune; then
        warn "cannot fetch from $code, staying at what $cache had"
    fi
    if [[ -n $branch ]]; then
        switch_to_wanted
    else
        in_repo merge --quiet --ff-only '@{upstream}' || warn "the default branch is not up to date"
    fi
    update_submodules
}

switch_to_wanted() {
    if on_origin "$branch"; then
        in_repo checkout -B "$branch" "origin/$branch"
    elif [[ $(in_repo describe --tags --exact-match 2> /dev/null) != "$branch" ]]; then
        warn "origin has no branch $branch, staying on $(current_branch)"
    fi
}

current_branch() { in_repo symbolic-ref --quiet --short HEAD || echo 'a detached head'; }

update_submodules() {
    [[ -e $repo/.gitmodules ]] || return 0
    briefly submodule update --init --recursive || warn "submodules are not up to date"
}

# A fresh task in a repository that is there already. It must not begin on an
# old state; other remotes do not matter to it.
refresh() {
    local done=1
    in_repo fetch --prune origin
    if [[ -z $branch ]]; then
        reset_to_remote
    elif ! on_origin "$branch"; then
        warn "origin has no branch $branch, staying on $(current_branch)"
        reset_to_remote
    elif ! in_repo checkout --force -B "$branch" "origin/$branch"; then
        warn "cannot check out $branch, the next start tries again"
        done=''
    fi
    in_repo clean -fdq -e "${marker##*/}"
    update_submodules
    if [[ -n $done ]]; then rm -f "$marker"; fi
}

reset_to_remote() {
    in_repo reset --hard '@{upstream}' || warn "$(current_branch) follows no remote branch, left as it is"
}

# A restart: local work stays, and no network is no reason to fail.
resume() {
    local mode=${GIT_RESET_MODE:-none}
    point_at_gate
    briefly fetch --all --prune || warn "cannot fetch, going on with what is here"
    case $mode in
        none) return ;;
        hard | soft) ;;
        *) warn "GIT_RESET_MODE=$mode is none of none, soft, hard: ignored"; return ;;
    esac
    [[ -n $branch ]] || return 0
    if on_origin "$branch"; then
        in_repo reset "--$mode" "origin/$branch"
    else
        warn "origin has no branch $branch, nothing is reset"
    fi
}

# Behind a gate the repository is a local one and the only way out.
point_at_gate() {
    [[ $code == file://* ]] || return 0
    in_repo remote get-url origin > /dev/null 2>&1 || in_repo remote add origin "$code"
    in_repo config --unset-all remote.origin.pushurl || :
    in_repo remote set-url origin "$code"
}

# Tells how the outside repository compares; never a reason to fail.
compare_external() {
    [[ -n ${EXTERNAL_REMOTE_URL:-} ]] || return 0
    local name=${branch:-$(current_branch)} head
    in_repo remote set-url external "$EXTERNAL_REMOTE_URL" 2> /dev/null \
        || in_repo remote add external "$EXTERNAL_REMOTE_URL" || return 0
    if ! head=$(briefly ls-remote external "refs/heads/$name" 2> /dev/null) || [[ -z $head ]]; then
        say "external: could not query branch $name"
        return 0
    fi
    head=${head%%[[:space:]]*}
    if [[ $head == "$(in_repo rev-parse HEAD)" ]]; then
        say "external: up to date on $name"
    elif in_repo merge-base --is-ancestor HEAD "$head" 2> /dev/null; then
        say "external: $(in_repo rev-list --count "HEAD..$head") behind on $name"
    elif in_repo merge-base --is-ancestor "$head" HEAD 2> /dev/null; then
        say "external: up to date on $name, with local commits on top"
    else
        say "external: maybe behind on $name"
    fi
}

show_toolchain() {
    local tool line
    for tool in gcc gfortran cmake clang-format-20 nvidia-smi nvcc nvc nvfortran; do
        type -P "$tool" > /dev/null || continue
        line=$("$tool" --version 2> /dev/null | sed -n '/[^[:space:]]/{p;q;}') || :
        say "$tool: ${line:-present}"
    done
}

set_permission_mode
start_relays
set_up_ssh
sync_repository
show_toolchain
echo '>> init complete'
exec bash
