// Package container says how an agent's container is started: hardened, and with
// nothing inside but what was asked for. It makes podman's command line and runs
// nothing.
package container

import (
	"encoding/csv"
	"fmt"
	"path"
	"sort"
	"strconv"
	"strings"
)

// The user in the images, and where the project is mounted.
const (
	Home      = "/home/dev"
	Workspace = "/workspace"
	userID    = 1000
)

// Mount is a directory or file of the host in the container.
type Mount struct {
	Source, Target string
	ReadOnly       bool
}

// Container is one container to start.
type Container struct {
	// Podman is the command with its global options; empty means {"podman"}.
	Podman []string
	// Image is what to run, an ID or a name.
	Image string
	// Command runs inside.
	Command []string
	// Mounts are all of them: nothing else of the host is seen.
	Mounts []Mount
	// Env are variables, and PassEnv names of ours that are handed on with the
	// value they have.
	Env     map[string]string
	PassEnv []string
	// Network is podman's --network; "" means podman's default.
	Network string
	// ReadOnly makes the root file system read-only; /tmp, /run and /var/tmp stay
	// writable, and so does the home directory, both only while it runs.
	ReadOnly bool
	// TTY gives it a terminal.
	TTY bool
	// Owner is who owns what the container's user writes on the host.
	Owner Owner
	// SELinux relabels mounts, so that the container may use them.
	SELinux bool
}

// Owner is a user and group of the host.
type Owner struct {
	// Rootless is true when podman runs as this user, who is not root.
	Rootless bool
	UID, GID int
}

// Argv is podman's whole command line.
func (c Container) Argv() []string {
	argv := c.Podman
	if len(argv) == 0 {
		argv = []string{"podman"}
	}
	argv = append(append([]string(nil), argv...), "run", "--rm", "--interactive")
	if c.TTY {
		argv = append(argv, "--tty")
	}
	argv = append(argv, "--cap-drop=all", "--security-opt=no-new-privileges")
	argv = append(argv, c.Owner.flags()...)
	if c.ReadOnly {
		argv = append(argv, "--read-only", "--mount=type=tmpfs,target="+Home+",U=true")
	}
	if c.Network != "" {
		argv = append(argv, "--network="+c.Network)
	}
	for _, name := range sortedKeys(c.Env) {
		argv = append(argv, "--env="+name+"="+c.Env[name])
	}
	for _, name := range c.PassEnv {
		argv = append(argv, "--env="+name)
	}
	for _, m := range c.Mounts {
		argv = append(argv, "--mount="+m.flag(c.SELinux))
	}
	argv = append(argv, "--workdir="+Workspace, "--", c.Image, "terok-init")
	return append(argv, c.Command...)
}

// ids is how many users and groups a container knows.
const ids = 1 << 16

// flags map the container's user to the owner. Rootless podman does it by
// itself. Root's podman is told where every ID goes: dev's to the owner, the
// others to what is left, in order, because podman's storage refuses a map that
// leaves holes on the host.
func (o Owner) flags() []string {
	if o.Rootless {
		return []string{fmt.Sprintf("--userns=keep-id:uid=%d,gid=%d", userID, userID)}
	}
	return append(mapTo("--uidmap=", o.UID), mapTo("--gidmap=", o.GID)...)
}

// mapTo maps dev to one ID of the host.
func mapTo(flag string, id int) []string {
	total := max(ids, id+1)
	var out []string
	add := func(inside, host, n int) {
		if n > 0 {
			out = append(out, flag+span(inside, host, n))
		}
	}
	if id <= userID {
		add(0, 0, id)
		add(id, id+1, userID-id)
		add(userID, id, 1)
		add(userID+1, userID+1, total-userID-1)
		return out
	}
	add(0, 0, userID)
	add(userID, id, 1)
	add(userID+1, userID, id-userID)
	add(id+1, id+1, total-id-1)
	return out
}

func span(inside, host, n int) string { return fmt.Sprintf("%d:%d:%d", inside, host, n) }

// flag is a value of --mount, which is a line of comma-separated values.
func (m Mount) flag(relabel bool) string {
	fields := []string{"type=bind", "source=" + m.Source, "target=" + m.Target}
	if m.ReadOnly {
		fields = append(fields, "readonly")
	}
	if relabel {
		fields = append(fields, "relabel=shared")
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(fields) // to memory
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// StateMounts are an agent's directories of the home directory, kept below dir
// on the host: one project's, so that projects do not see each other's sessions.
func StateMounts(dir string, home []string) []Mount {
	var out []Mount
	for _, d := range home {
		out = append(out, Mount{Source: path.Join(dir, d), Target: path.Join(Home, d)})
	}
	return out
}

// ParseMount reads SOURCE:TARGET or SOURCE:TARGET:ro.
func ParseMount(text string) (Mount, error) {
	parts := strings.Split(text, ":")
	m := Mount{}
	switch {
	case len(parts) == 3 && (parts[2] == "ro" || parts[2] == "rw"):
		m.ReadOnly = parts[2] == "ro"
	case len(parts) != 2:
		return m, fmt.Errorf("reading mount %q: want SOURCE:TARGET or SOURCE:TARGET:ro", text)
	}
	m.Source, m.Target = parts[0], parts[1]
	if m.Source == "" || !path.IsAbs(m.Target) || path.Clean(m.Target) == "/" {
		return m, fmt.Errorf("reading mount %q: the target must be an absolute path", text)
	}
	return m, nil
}

// Line writes a command line for a shell.
func Line(argv []string) string {
	words := make([]string, len(argv))
	for i, a := range argv {
		words[i] = quote(a)
	}
	return strings.Join(words, " ")
}

func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// ProjectName tells projects apart: the directory's name, and a digest of its
// path.
func ProjectName(dir, digest string) string {
	base := strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", r) {
			return r
		}
		return '-'
	}, path.Base(dir))
	return base + "-" + digest[:min(len(digest), 12)]
}

// ParseEnv reads NAME, which hands on our value, or NAME=VALUE.
func ParseEnv(text string) (name, value string, given bool, err error) {
	name, value, given = strings.Cut(text, "=")
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return "", "", false, fmt.Errorf("%s is no name of a variable", strconv.Quote(name))
	}
	return name, value, given, nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
