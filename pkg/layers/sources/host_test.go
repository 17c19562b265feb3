package sources_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/sources"
)

func bundle(t *testing.T, text []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func certificate(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte("# ours\n"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
}

func TestCABundle(t *testing.T) {
	good := bundle(t, certificate(t))
	other := bundle(t, certificate(t))
	for _, c := range []struct {
		name, flag string
		env        map[string]string
		want       string
	}{
		{"nothing", "", nil, ""},
		{"flag", good, map[string]string{"SSL_CERT_FILE": other}, good},
		{"first variable", "", map[string]string{"SSL_CERT_FILE": good, "CURL_CA_BUNDLE": "/nowhere"}, good},
		{"node's before curl's", "", map[string]string{"NODE_EXTRA_CA_CERTS": good, "CURL_CA_BUNDLE": other}, good},
		{"last variable", "", map[string]string{"REQUESTS_CA_BUNDLE": good}, good},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := sources.CABundle(func(name string) string { return c.env[name] }, c.flag)
			if err != nil || got != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestCABundleErrors(t *testing.T) {
	none := func(string) string { return "" }
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})
	for name, file := range map[string]string{
		"missing": "/nowhere/ca.pem", "directory": t.TempDir(), "empty": bundle(t, nil),
		"key only": bundle(t, key), "broken certificate": bundle(t, broken),
	} {
		if got, err := sources.CABundle(none, file); err == nil || !strings.Contains(err.Error(), "--ca-bundle") {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	_, err := sources.CABundle(func(name string) string {
		return map[string]string{"CURL_CA_BUNDLE": "/nowhere"}[name]
	}, "")
	if err == nil || !strings.Contains(err.Error(), "CURL_CA_BUNDLE") {
		t.Errorf("the variable is not named: %v", err)
	}
	if _, err := sources.CABundle(none, bundle(t, append(key, certificate(t)...))); err != nil {
		t.Errorf("a certificate behind a key is not found: %v", err)
	}
}

func TestMachine(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("NPM_CONFIG_REGISTRY", "")
	t.Setenv("npm_config_registry", "")
	t.Setenv("NPM_CONFIG_USERCONFIG", filepath.Join(dir, "rc"))
	script := "#!/bin/sh\n[ \"$*\" = 'config get registry' ] && echo https://asked.example/npm\n"
	if err := os.WriteFile(filepath.Join(dir, "npm"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	t.Setenv("npm_config_globalconfig", filepath.Join(dir, "global"))
	got, err := sources.Load(sources.Machine(t.Context(), dir), nil)
	if err != nil || got.NpmRegistry != "https://asked.example/npm/" {
		t.Errorf("got %q, %v", got.NpmRegistry, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "rc"), []byte("registry=https://user.example/"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err = sources.Load(sources.Machine(t.Context(), dir), nil)
	if err != nil || got.NpmRegistry != "https://user.example/" {
		t.Errorf("got %q, %v", got.NpmRegistry, err)
	}
}
