#!/usr/bin/env bash
# probe.sh l0|l1|root [AGENTS] runs inside a finished image, whatever its family,
# and says what is not as promised. AGENTS are the selected ones, as in the label.
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
var() { check "$1 is ${!1-unset}, not $2" test "${!1-unset}" = "$2"; }
what=$1 agents=${2-}
if [ "$what" = root ]; then
    # No index of packages, no file that all can write, no secret, nothing left.
    holds 'test -z "$(ls -A /var/lib/apt/lists /var/cache/apt/archives/*.deb /var/cache/dnf /var/cache/libdnf5 2>/dev/null | grep -v :)"'
    holds 'test -z "$(find / -xdev -type f -perm -o+w -not -path "/proc/*" -not -path "/tmp/*" -not -path "/workspace/*" | head)"'
    holds 'test -z "$(find / -xdev -type d -perm -o+w -not -perm -1000 -not -path "/proc/*" -not -path /workspace | head)"'
    holds 'test -z "$(find /tmp /var/tmp -mindepth 1 | head)"'
    logs='/var/log/apt /var/log/dpkg.log /var/log/alternatives.log /var/cache/debconf/*-old'
    if command -v dnf > /dev/null; then logs='/var/log/dnf* /var/log/hawkey.log'; fi
    holds "test -z \"\$(ls -A $logs /etc/*- 2> /dev/null | grep -v :)\""
    holds '! find / -xdev -type d \( -name .npm -o -name .cache \) -not -path "/proc/*" | grep .'
    holds '! grep -rlsE "BEGIN [A-Z ]*PRIVATE KEY|_authToken|127\.0\.0\.1:[0-9]+/" /etc /home /root /opt/terok /usr/local /var/lib/dnf /etc/yum.repos.d/terok*'
    is /etc/sudoers.d/dev 440:root:root
    holds 'visudo -c -q'
    exit "$failed"
fi
holds 'test "$(id -u):$(id -g):$(id -un):$(id -Gn)" = 1000:1000:dev:dev'
holds 'test "$(getent passwd dev)" = "$(getent passwd dev | cut -d: -f1-5):/home/dev:/bin/bash"'
holds 'sudo -n true'
holds 'test "$(sudo -n id -u)" = 0'
holds '! locale 2>&1 | grep -i cannot'
holds 'locale -a | grep -qix en_US.utf8'
holds 'TZ=Europe/Berlin date +%Z | grep -qE "^CES?T$"'
holds 'grep -q ^dev: /etc/subuid && grep -q ^dev: /etc/subgid'
check "the working directory is $PWD" test "$PWD" = /workspace
var REPO_ROOT /workspace
var GIT_RESET_MODE none
var LANG en_US.UTF-8
var LC_ALL en_US.UTF-8
var LANGUAGE en_US:en
var USER dev
var HOME /home/dev
var DEBIAN_FRONTEND unset
is /workspace 777:dev:dev
is /home/dev 755:dev:dev
is /home/dev/.ssh 700:dev:dev
holds 'test -z "$(find /home/dev -not -user dev -o -not -group dev)"'
is /etc/tmux.conf 644:root:root
for script in init-ssh-and-repo.sh ssh-agent-bridge.sh ensure-bridges.sh terok-init; do is /usr/local/bin/$script 755:root:root; done
for program in awk curl diff fd file find getent git gpg ip jq less mktemp patch ps python python3 rg rsync sed socat ssh ssh-agent ssh-add sudo tar \
    timeout tmux tput tree unzip vim wget which xz zip; do holds "command -v $program"; done
holds 'rg --version && fd --version && tmux -V && jq --version && git --version && vim --version | head -n 1'
if command -v apt-get > /dev/null; then # elsewhere they come with Python
    holds 'python3 -m pip --version && python3 -c "import venv, ensurepip"'
fi
holds 'touch /workspace/x && rm /workspace/x'
if [ "$what" = l0 ]; then
    var BASH_ENV unset
    exit "$failed"
fi

var NPM_CONFIG_PREFIX /home/dev/.npm-packages
var BASH_ENV /etc/profile.d/terok-env.sh
check "PATH is $PATH" test "${PATH#/home/dev/.npm-packages/bin:/home/dev/.local/bin:/home/dev/.opencode/bin:/}" != "$PATH"
for mode in -lc -ic -c; do
    holds "bash $mode 'declare -F _terok_apply_git_identity' 2> /dev/null"
    holds "bash $mode 'command -v ast-grep' 2> /dev/null"
    holds "bash $mode 'echo \$PATH' 2> /dev/null | grep -q /home/dev/.npm-packages/bin"
done
holds 'ast-grep --version'
# One selection: manifest, label and help.
check "installed.env: $(cat /etc/terok/installed.env)" test "$(cat /etc/terok/installed.env)" = "TEROK_INSTALLED_AGENTS=$agents"
holds 'bash -c ". /etc/terok/installed.env && test \"\$TEROK_INSTALLED_AGENTS\" = '"$agents"'"'
holds 'hilfe > /dev/null && hilfe --kurz > /dev/null'
for name in ${agents//,/ }; do holds "hilfe --kurz | grep -qF $name"; done
check "help.d holds $(cat /usr/local/share/terok/help.d/*.txt)" \
    test "$(cat /usr/local/share/terok/help.d/*.txt | wc -l)" = "$(echo "$agents" | tr , '\n' | wc -l)"
is /etc/profile.d/terok-env.sh 755:root:root
is /etc/terok/installed.env 644:root:root
holds 'test "$(readlink /usr/local/share/terok/terok-env-wrappers.sh)" = /home/dev/.terok/terok-executor.sh'
holds 'mkdir -p ~/.terok && echo "wrapped() { echo yes; }" > ~/.terok/terok-executor.sh && bash -lc wrapped && rm -r ~/.terok'
for f in terok-env-git-identity.sh terok-acp-env.sh; do is /usr/local/share/terok/$f 755:root:root; done
holds 'for f in /usr/local/share/terok/help.d/*.txt; do test "$(stat -c %a:%U "$f")" = 644:root || exit 1; done'
is /usr/local/bin/hilfe 755:root:root
exit "$failed"
