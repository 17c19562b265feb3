package buildkit

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	bkclient "github.com/moby/buildkit/client"
)

// TLS are the certificates for daemons that are reached by tcp, for addresses
// that do not name their own. The zero value speaks without TLS.
type TLS struct {
	// CA is the PEM file of who signed the daemon's certificate; Cert and Key
	// are our own, and go together.
	CA, Cert, Key string
	// Server is the name in the daemon's certificate; "" means the host's.
	Server string
	// Dir holds ca.pem, cert.pem and key.pem, for what is not named above.
	Dir string
}

// complete fills in what Dir has.
func (t TLS) complete() TLS {
	if t.Dir == "" {
		return t
	}
	for name, file := range map[string]*string{"ca.pem": &t.CA, "cert.pem": &t.Cert, "key.pem": &t.Key} {
		if *file == "" {
			*file = filepath.Join(t.Dir, name)
		}
	}
	return t
}

// tlsParameters are what the query of a tcp address may have.
var tlsParameters = []string{"ca", "cert", "key", "server"}

// secured completes a tcp address with certificates.
func secured(text string, u *url.URL, tls TLS) (address, error) {
	query := u.Query()
	u.RawQuery = ""
	a := address{url: u.String()}
	for name := range query {
		if !slices.Contains(tlsParameters, name) {
			return address{}, badAddress(text, fmt.Sprintf("unknown parameter %q", name))
		}
	}
	tls = tls.complete()
	if len(query) > 0 {
		tls = TLS{CA: query.Get("ca"), Cert: query.Get("cert"), Key: query.Get("key"), Server: query.Get("server")}
	}
	if (tls.Cert == "") != (tls.Key == "") {
		return address{}, badAddress(text, "cert and key go together")
	}
	for _, file := range []string{tls.CA, tls.Cert, tls.Key} {
		if file == "" {
			continue
		}
		if _, err := os.ReadFile(file); err != nil {
			return address{}, badAddress(text, fmt.Sprintf("cannot read %s", file))
		}
	}
	if tls.CA != "" {
		server := tls.Server
		if server == "" {
			server = u.Hostname()
		}
		a.options = append(a.options, bkclient.WithServerConfig(server, tls.CA))
	}
	if tls.Cert != "" {
		a.options = append(a.options, bkclient.WithCredentials(tls.Cert, tls.Key))
	}
	return a, nil
}
