package sources

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	osexec "os/exec"
	"strings"
	"time"
)

// npmPatience is how long a hanging npm is waited for.
const npmPatience = 10 * time.Second

// Machine reads this machine's configuration, for a project in dir.
func Machine(ctx context.Context, dir string) Host {
	return Host{
		Env: os.Getenv, ReadFile: os.ReadFile, Dir: dir,
		AskNpm: func() string { return askNpm(ctx, dir) },
	}
}

func askNpm(ctx context.Context, dir string) string {
	ctx, cancel := context.WithTimeout(ctx, npmPatience)
	defer cancel()
	cmd := osexec.CommandContext(ctx, "npm", "config", "get", "registry")
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return "" // no npm, or one that cannot say
	}
	return strings.TrimSpace(string(out))
}

// caVariables name bundles for the clients that people already have, the most
// general first.
var caVariables = []string{"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"}

// CABundle returns the file with the certificates to trust: the flag's, else
// that of the first variable that is set, else "". A file that is named must
// be readable and hold a certificate.
func CABundle(env func(string) string, flag string) (string, error) {
	name, by := flag, "--ca-bundle"
	for _, v := range caVariables {
		if name != "" {
			break
		}
		name, by = env(v), v
	}
	if name == "" {
		return "", nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("reading the certificates of %s: %w", by, err)
	}
	if !holdsCertificate(text) {
		return "", fmt.Errorf("reading the certificates of %s: %q holds no certificate in PEM form", by, name)
	}
	return name, nil
}

func holdsCertificate(text []byte) bool {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return false
		}
		if block.Type == "CERTIFICATE" {
			if _, err := x509.ParseCertificate(block.Bytes); err == nil {
				return true
			}
		}
		text = rest
	}
}
