package main

import (
	"context"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/terok-ai/terok-agent/pkg/build"
)

func doctorCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:      "doctor",
		Usage:     "say what this machine has and lacks",
		UsageText: "terok-agent doctor",
		Description: `Looks at what building and running needs: podman, BuildKit, a container runtime,
user IDs, registry credentials, certificates. Nothing is started or changed. The
exit code is 1 when neither executor can build here.`,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return &wrongUseError{text: "doctor takes no argument"}
			}
			d := doctor{ctx: c.Context, getenv: os.Getenv, uid: os.Getuid()}
			d.look()
			if err := d.write(s.out); err != nil {
				return err
			}
			if !d.podman && !d.buildkit {
				return &build.Error{
					Message: "neither podman nor BuildKit can build here", Hint: "install podman, or buildkitd and runc", ExitCode: exitFailed,
				}
			}
			return nil
		},
	}
}

// finding is one line of what doctor says.
type finding struct{ mark, what, found, do string }

// The marks of findings.
const (
	markGood = "ok"
	markNote = "note"
	markBad  = "lacks"
)

// doctor collects findings.
type doctor struct {
	ctx              context.Context
	getenv           func(string) string
	uid              int
	findings         []finding
	podman, buildkit bool
}

func (d *doctor) say(mark, what, found, do string) {
	d.findings = append(d.findings, finding{mark, what, found, do})
}

func (d *doctor) look() {
	runtime := d.runtime()
	d.lookAtPodman()
	d.lookAtBuildkit(runtime)
	d.lookAtIDs()
	d.lookAtCredentials()
	d.lookAtCertificates()
}

// runtime finds what runs the steps of a daemon of our own.
func (d *doctor) runtime() string {
	for _, name := range []string{"runc", "crun"} {
		if path, err := osexec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func (d *doctor) lookAtPodman() {
	version, err := d.output("podman", "--version")
	if err != nil {
		d.say(markBad, "podman", "not found", "install podman for --executor podman and for run")
		return
	}
	version = strings.TrimPrefix(version, "podman version ")
	info, err := d.output("podman", "info", "--format", "{{.Store.GraphDriverName}} {{.Host.OCIRuntime.Name}} {{.Host.CgroupsVersion}}")
	if err != nil {
		d.say(markBad, "podman", version+", and it does not work: "+lastLine(err.Error()), "see docs/quickstart.md, When something is wrong")
		return
	}
	fields := strings.Fields(info)
	if len(fields) != 3 {
		fields = []string{"?", "?", "?"}
	}
	d.podman = true
	d.say(markGood, "podman", fmt.Sprintf("%s, storage %s, runtime %s, cgroups %s", version, fields[0], fields[1], fields[2]), "")
	if fields[1] == "crun" && fields[2] == "v1" {
		d.say(markNote, "runtime", "crun on cgroups v1 cannot start containers on some machines", "install runc and set runtime = \"runc\" in containers.conf")
	}
	if fields[0] == "vfs" {
		d.say(markNote, "storage", "vfs copies whole images at every step", "set the storage driver to overlay")
	}
}

func (d *doctor) lookAtBuildkit(runtime string) {
	if host := d.getenv("BUILDKIT_HOST"); host != "" {
		d.buildkit = true
		d.say(markGood, "BuildKit", "BUILDKIT_HOST names "+host, "")
		return
	}
	for _, socket := range []string{filepath.Join(d.getenv("XDG_RUNTIME_DIR"), "buildkit", "buildkitd.sock"), "/run/buildkit/buildkitd.sock"} {
		if info, err := os.Stat(socket); err == nil && info.Mode()&os.ModeSocket != 0 {
			d.buildkit = true
			d.say(markGood, "BuildKit", "a daemon's socket is "+socket, "")
			return
		}
	}
	path, err := osexec.LookPath("buildkitd")
	switch {
	case err != nil:
		d.say(markNote, "BuildKit", "no daemon runs, and buildkitd is not on PATH", "only needed for --executor buildkit: .ci/buildkitd builds one")
	case runtime == "":
		d.say(markBad, "BuildKit", path+", without a runtime for its steps", "install runc")
	case d.uid != 0 && !onPath("rootlesskit"):
		d.say(markBad, "BuildKit", path+", which an ordinary user runs with rootlesskit", "install rootlesskit, or name a daemon with --buildkit-addr")
	default:
		d.buildkit = true
		d.say(markGood, "BuildKit", path+" is started when needed, with "+runtime, "")
	}
}

// lookAtIDs looks at what rootless containers need.
func (d *doctor) lookAtIDs() {
	if d.uid == 0 {
		return
	}
	for _, program := range []string{"newuidmap", "newgidmap"} {
		if !onPath(program) {
			d.say(markBad, "user IDs", program+" is not installed", "install the package uidmap or shadow-utils")
			return
		}
	}
	for _, file := range []string{"/etc/subuid", "/etc/subgid"} {
		text, err := os.ReadFile(file)
		if err != nil || !hasLineOf(string(text), d.getenv("USER"), fmt.Sprint(d.uid)) {
			d.say(markBad, "user IDs", file+" has no line for you", "add one, such as NAME:100000:65536")
			return
		}
	}
	d.say(markGood, "user IDs", "/etc/subuid and /etc/subgid have lines for you", "")
}

func hasLineOf(text string, names ...string) bool {
	for _, line := range strings.Split(text, "\n") {
		owner, _, found := strings.Cut(line, ":")
		for _, n := range names {
			if found && n != "" && owner == n {
				return true
			}
		}
	}
	return false
}

func (d *doctor) lookAtCredentials() {
	for _, file := range []string{
		d.getenv("REGISTRY_AUTH_FILE"), filepath.Join(d.getenv("XDG_RUNTIME_DIR"), "containers", "auth.json"),
		fmt.Sprintf("/run/containers/%d/auth.json", d.uid), filepath.Join(d.getenv("HOME"), ".docker", "config.json"),
	} {
		if _, err := os.Stat(file); file != "" && err == nil {
			d.say(markGood, "registries", "credentials in "+file, "")
			return
		}
	}
	d.say(markNote, "registries", "no credentials: only public images can be pulled", "podman login REGISTRY, for --push and private images")
}

func (d *doctor) lookAtCertificates() {
	for _, name := range []string{"TEROK_CA_BUNDLE", "SSL_CERT_FILE"} {
		file := d.getenv(name)
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			d.say(markBad, "certificates", name+" names "+file+", which is not there", "correct or unset it")
			return
		}
		d.say(markGood, "certificates", name+" names "+file+"; downloads of build steps trust it", "")
		return
	}
}

func (d *doctor) write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range d.findings {
		line := f.found
		if f.do != "" {
			line += " (" + f.do + ")"
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\n", f.mark, f.what, line)
	}
	return t.Flush()
}

func onPath(program string) bool {
	_, err := osexec.LookPath(program)
	return err == nil
}

// output runs a short command.
func (d *doctor) output(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(d.ctx, 20*time.Second)
	defer cancel()
	cmd := osexec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && stderr.Len() > 0 {
		err = fmt.Errorf("%s", strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), err
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
