package buildkit

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	bkclient "github.com/moby/buildkit/client"
	// These teach the client the address schemes of the same names.
	_ "github.com/moby/buildkit/client/connhelper/dockercontainer"
	_ "github.com/moby/buildkit/client/connhelper/kubepod"
	_ "github.com/moby/buildkit/client/connhelper/podmancontainer"
	_ "github.com/moby/buildkit/client/connhelper/ssh"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// hostVariable is the variable in which BuildKit's own tools expect the
// daemon's address.
const hostVariable = "BUILDKIT_HOST"

// schemes are the kinds of address.
var schemes = []string{"unix", "tcp", "docker-container", "podman-container", "kube-pod", "ssh"}

func (o Options) getenv(name string) string {
	if o.Getenv == nil {
		return os.Getenv(name)
	}
	return o.Getenv(name)
}

// address is a checked address.
type address struct {
	url string
	// options are the client's, such as certificates.
	options []bkclient.ClientOpt
}

// secure says whether certificates are used.
func (a address) secure() bool { return len(a.options) > 0 }

// given are the addresses that somebody asked for, from flags or environment.
func (o Options) given() []string {
	if len(o.Addresses) > 0 {
		return o.Addresses
	}
	if host := o.getenv(hostVariable); host != "" {
		return []string{host}
	}
	return nil
}

// usualSockets are where daemons listen by default, if there is a socket.
func (o Options) usualSockets() []string {
	candidates := []string{"/run/buildkit/buildkitd.sock"}
	if dir := o.getenv("XDG_RUNTIME_DIR"); dir != "" {
		candidates = append(candidates, filepath.Join(dir, "buildkit", "buildkitd.sock"))
	}
	var found []string
	for _, path := range candidates {
		if info, err := os.Stat(path); err == nil && info.Mode().Type() == os.ModeSocket {
			found = append(found, "unix://"+path)
		}
	}
	return found
}

// parseAddress checks an address: the client itself takes any scheme, and
// then fails with words that help nobody. The certificates of a tcp address
// are its query: "tcp://host:1234?ca=FILE&cert=FILE&key=FILE&server=NAME".
// Without a query they are those of tls.
func parseAddress(text string, tls TLS) (address, error) {
	u, err := url.Parse(text)
	if err != nil {
		return address{}, badAddress(text, "it is no URL")
	}
	switch {
	case u.Scheme == "":
		return address{}, badAddress(text, "it has no scheme")
	case !slices.Contains(schemes, u.Scheme):
		return address{}, badAddress(text, fmt.Sprintf("unknown scheme %q", u.Scheme))
	case u.Scheme == "unix" && (u.Host != "" || !filepath.IsAbs(u.Path)):
		return address{}, badAddress(text, "the path must begin with /")
	case u.Scheme != "unix" && u.Host == "":
		return address{}, badAddress(text, "it names no host")
	case u.Scheme == "tcp" && u.Port() == "":
		return address{}, badAddress(text, "it has no port")
	}
	if u.Scheme != "tcp" {
		return address{url: text}, nil
	}
	return secured(text, u, tls)
}

func badAddress(text, why string) *exec.Error {
	return &exec.Error{
		Class: exec.ClassNoEngine, ExitCode: -1, Message: fmt.Sprintf("BuildKit address %q: %s", text, why),
		Hint: "addresses are unix:///PATH, tcp://HOST:PORT, " + strings.Join(schemes[2:], "://NAME, ") + "://HOST",
	}
}
