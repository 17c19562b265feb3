#!/usr/bin/env bash
# probe.sh l0|l1|root runs inside a finished image, whatever its family, and says
# what is not as promised.
# shellcheck disable=SC2016 # what is checked is expanded by the shell that checks
failed=0
check() { # NAME COMMAND...
    if ! out=$("${@:2}" 2>&1); then
        echo "probe: $1: $out" >&2
        failed=1
    fi
}
holds() { check "$*" bash -c "$*"; }
is() { check "$1 is $2" test "$(stat -c %a:%U:%G "$1" 2>&1)" = "$2"; }
what=$1
if [ "$what" = root ]; then
    # No index of packages, no file that all can write, no secret, nothing left.
    holds 'test -z "$(ls -A /var/lib/apt/lists /var/cache/apt/archives/*.deb /var/cache/dnf /var/cache/libdnf5 2>/dev/null | grep -v :)"'
    holds 'test -z "$(find / -xdev -type f -perm -o+w -not -path "/proc/*" -not -path "/tmp/*" -not -path "/workspace/*" | head)"'
    holds 'test -z "$(find /tmp /var/tmp -mindepth 1 | head)"'
    holds '! grep -rlsE "BEGIN [A-Z ]*PRIVATE KEY|_authToken" /etc /home /opt/terok /usr/local'
    is /etc/sudoers.d/dev 440:root:root
    holds 'visudo -c -q'
    exit "$failed"
fi
holds 'test "$(id -u):$(id -g):$(id -un):$(id -Gn)" = 1000:1000:dev:dev'
holds 'sudo -n true'
holds 'test "$HOME" = /home/dev && test "$PWD" = /workspace'
holds '! locale 2>&1 | grep -i cannot'
holds 'test "$LANG" = en_US.UTF-8 || test "$LANG" = C.UTF-8'
holds 'grep -q ^dev: /etc/subuid && grep -q ^dev: /etc/subgid'
is /workspace 777:dev:dev
is /home/dev/.ssh 700:dev:dev
is /etc/tmux.conf 644:root:root
for script in init-ssh-and-repo.sh ssh-agent-bridge.sh ensure-bridges.sh terok-init; do is /usr/local/bin/$script 755:root:root; done
for program in git tmux jq rg fd curl wget socat ssh vim less rsync python python3 unzip; do holds "command -v $program"; done
holds 'touch /workspace/x && rm /workspace/x'
[ "$what" = l0 ] && exit "$failed"

holds 'bash -lc "declare -F _terok_apply_git_identity"'
holds 'bash -ic "declare -F _terok_apply_git_identity" 2> /dev/null'
holds 'bash -c "declare -F _terok_apply_git_identity"'
holds 'bash -lc "command -v ast-grep" && bash -c "command -v ast-grep"'
holds 'ast-grep --version'
holds 'hilfe > /dev/null && hilfe --kurz > /dev/null'
holds 'grep -q ast-grep /etc/terok/installed.env'
is /etc/profile.d/terok-env.sh 755:root:root
is /etc/terok/installed.env 644:root:root
holds 'test "$(readlink /usr/local/share/terok/terok-env-wrappers.sh)" = /home/dev/.terok/terok-executor.sh'
holds 'mkdir -p ~/.terok && echo "wrapped() { echo yes; }" > ~/.terok/terok-executor.sh && bash -lc wrapped'
for f in terok-env-git-identity.sh terok-acp-env.sh; do is /usr/local/share/terok/$f 755:root:root; done
exit "$failed"
