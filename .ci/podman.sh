# shellcheck shell=bash
# The settings that podman needs on some machines; sourced by setup. Each is
# made only where the default fails, is announced, and sits in a file that can
# be deleted.

is_cgroup_v2() { [ -e /sys/fs/cgroup/cgroup.controllers ]; }

config_dir() {
	if is_root; then echo /etc/containers; else echo "${XDG_CONFIG_HOME:-$HOME/.config}/containers"; fi
}

written_by="# Written by terok-agent, .ci/setup; delete it to have podman's defaults back."

# choose_driver: without a usable /dev/fuse rootless podman settles for vfs,
# which copies every layer whole, although the kernel may have a native overlay.
# That can only be changed before the first image.
choose_driver() {
	! is_root || return 0
	local file dir
	file=$(config_dir)/storage.conf
	if [ -e "$file" ] || [ -e "${XDG_DATA_HOME:-$HOME/.local/share}/containers/storage" ]; then return 0; fi
	dir=$(mktemp -d)
	if [ "$(driver_in "$dir/a")" = vfs ] && [ "$(driver_in "$dir/b" --storage-driver overlay)" = overlay ]; then
		say "setting: driver = overlay (podman would choose vfs, which copies every layer whole)"
		mkdir -p "${file%/*}"
		printf '%s\n[storage]\ndriver = "overlay"\n' "$written_by" >"$file"
		say "written: $file"
	fi
	podman unshare rm -rf "$dir" </dev/null >/dev/null 2>&1 || true
}

# driver_in DIR OPTION…: the storage driver of an empty podman there.
driver_in() {
	local dir=$1
	shift
	podman --root "$dir/root" --runroot "$dir/run" "$@" info --format '{{.Store.GraphDriverName}}' </dev/null 2>/dev/null || true
}

# configure_podman writes the settings that this machine needs and podman does
# not find by itself, in a file of its own; nothing where the defaults do.
configure_podman() {
	local file wanted=""
	file=$(config_dir)/containers.conf.d/50-terok-agent.conf
	[ ! -e "$file" ] || return 0
	if ! is_cgroup_v2 && [ "$(podman_info '{{.Host.OCIRuntime.Name}}')" = crun ]; then
		say "setting: runtime = runc (crun refuses this machine's cgroup v1)"
		wanted+=$'[engine]\nruntime = "runc"\n'
	fi
	if lacks_limits; then
		say "setting: default_ulimits (podman run would ask for more than the limits of this machine)"
		wanted+=$'[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n'
	fi
	[ -n "$wanted" ] || return 0
	mkdir -p "${file%/*}"
	printf "%s\n%s" "$written_by" "$wanted" >"$file"
	say "written: $file"
}

# lacks_limits: root may raise its limits only with CAP_SYS_RESOURCE, bit 24.
# podman stays within a user's limits by itself.
lacks_limits() {
	is_root || return
	local hard caps
	hard=$(ulimit -Hn)
	[ "$hard" != unlimited ] && ((hard < 1048576)) || return
	caps=$(awk '$1 == "CapEff:" {print $2}' /proc/self/status)
	(((16#$caps >> 24 & 1) == 0))
}

podman_info() {
	podman info --format "$1" </dev/null 2> >(tail -n 5 >&2) ||
		broken_podman
}

broken_podman() {
	local hints=("its own message stands above; podman info must succeed")
	is_root || hints+=("rootless podman needs user namespaces: a chroot has none, and these may forbid them:"
		"sysctl user.max_user_namespaces kernel.unprivileged_userns_clone kernel.apparmor_restrict_unprivileged_userns")
	die "podman is there but does not work" "${hints[@]}"
}

# check_podman: being there is not yet working.
check_podman() {
	local driver
	driver=$(podman_info '{{.Store.GraphDriverName}}')
	[ "$driver" != vfs ] || say "note: podman stores images with the vfs driver here: correct, but slow and large"
}
