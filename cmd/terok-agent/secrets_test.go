package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/build/buildtest"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/podman/podmantest"
)

// The values that must be nowhere.
const (
	fileValue  = "hunter2-from-a-file"
	envValue   = "hunter2-from-a-variable"
	tokenValue = "hunter2-token-of-npm"
)

// TestSecretsLeaveNoTrace gives secrets in every way there is, makes sure that
// the steps saw them, and looks for them in all that is shown and all that is
// left.
func TestSecretsLeaveNoTrace(t *testing.T) {
	for _, engine := range []string{"podman", "buildkit"} {
		t.Run(engine, func(t *testing.T) {
			c := newSecretCase(t, engine)
			c.tell(t, "plan")
			c.tell(t, "plan", "-o", "json", "--out", filepath.Join(c.left, "saved.json"))
			c.tell(t, "apply", "--progress", "plain", "--build-dir", filepath.Join(c.left, "rendered"))
			c.tell(t, "apply", "--progress", "json", "--refresh", "l0")
			c.tell(t, "plan", "-o", "json")
			c.tell(t, "explain", "l0")
			c.tell(t, "graph", "--llb", "l0")
			if !strings.Contains(c.said.String(), "saw both secrets and the certificates") {
				t.Fatalf("the step did not see its secrets:\n%s", &c.said)
			}
			c.look(t)
		})
	}
}

// secretCase is one engine with everything that it writes below a few
// directories.
type secretCase struct {
	world *buildtest.World
	ca    string
	flags []string
	said  bytes.Buffer
	// left is where everything goes that we write, stores are the engine's.
	left   string
	stores []string
}

func newSecretCase(t *testing.T, engine string) *secretCase {
	t.Helper()
	if engine == "buildkit" {
		buildkittest.Require(t) // builds the daemon with the caches that are there
	}
	c := &secretCase{world: buildtest.New(t), left: t.TempDir()}
	given := t.TempDir()
	c.ca = certificate(t)
	write := func(name, text string) string {
		path := filepath.Join(given, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c.world.Edit(t, "templates/l0.Dockerfile.tmpl", "RUN echo installing packages", "RUN --mount=type=secret,id=tok --mount=type=secret,id=word --mount=type=secret,id=terok-ca "+
		fmt.Sprintf("[ $(wc -c < /run/secrets/tok) = %d ] && [ $(wc -c < /run/secrets/word) = %d ] && grep -q CERTIFICATE /run/secrets/terok-ca && ", len(fileValue), len(envValue))+
		"echo saw both secrets and the certificates")
	for name, dir := range map[string]string{
		"TMPDIR": "tmp", "XDG_RUNTIME_DIR": "run", "XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache", "XDG_DATA_HOME": "data", "HOME": "home",
	} {
		path := filepath.Join(c.left, dir)
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, path)
	}
	t.Setenv("NPM_CONFIG_USERCONFIG", write("npmrc", "//npm.test/:_authToken="+tokenValue+"\n@other:registry=https://npm.test/\n"))
	t.Setenv("SECRET_WORD", envValue)
	c.flags = []string{
		"--base", "debian:12", "--agents", "codex", "--resources", c.world.Dir, "--mirror", "npm=" + c.world.Registry.URL + "/", "--executor", engine,
	}
	build := []string{"--secret", "id=tok,src=" + write("tok", fileValue), "--secret", "id=word,env=SECRET_WORD", "--ca-bundle", write("ca.pem", c.ca)}
	c.onEngine(t, engine)
	c.flags = append(c.flags, build...)
	return c
}

// onEngine prepares a store with the base.
func (c *secretCase) onEngine(t *testing.T, engine string) {
	t.Helper()
	if engine == "podman" {
		e := podmantest.Storage(t)
		for _, kv := range e.Vars {
			k, v, _ := strings.Cut(kv, "=")
			t.Setenv(k, v)
		}
		podmantest.ImportBusybox(t, e, buildtest.Base)
		c.stores, c.flags = []string{e.Dir}, append(c.flags, "--network", "host")
		return
	}
	daemon, stop, err := buildkittest.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("stopping the test's daemon: %v", err)
		}
	})
	images := filepath.Join(c.left, "images")
	buildkittest.AddToLayout(t, images, buildtest.Base, buildkittest.Busybox(t))
	c.stores = []string{daemon.Dir}
	c.flags = append(c.flags, "--store", "oci:"+images, "--buildkit-addr", daemon.Address)
}

// tell runs a command with the flags that it knows, and keeps all it says.
func (c *secretCase) tell(t *testing.T, command string, args ...string) {
	t.Helper()
	var own bytes.Buffer
	args = append([]string{"terok-agent", command}, args...)
	for i := 0; i < len(c.flags); i += 2 {
		if knows(command, c.flags[i]) {
			args = append(args, c.flags[i], c.flags[i+1])
		}
	}
	code := run(context.Background(), args, streams{in: strings.NewReader(""), out: &own, err: &own})
	c.said.Write(own.Bytes())
	if code != exitDone {
		t.Fatalf("%s ended with %d:\n%s", strings.Join(args, " "), code, &own)
	}
}

// knows says whether a command has a flag.
func knows(command, flag string) bool {
	switch flag {
	case "--base", "--agents", "--resources":
		return true
	case "--executor", "--store":
		return command == "plan" || command == "apply" || command == "explain"
	}
	return command == "apply"
}

// look searches what was said and what is left.
func (c *secretCase) look(t *testing.T) {
	t.Helper()
	var body string
	for _, line := range strings.Split(c.ca, "\n")[1:] {
		if len(line) > 40 {
			body = line
			break
		}
	}
	values := []string{fileValue, envValue, tokenValue, body}
	for _, v := range []string{fileValue, envValue, tokenValue} {
		values = append(values, base64.StdEncoding.EncodeToString([]byte(v)))
	}
	search := func(where string, text []byte) {
		for _, v := range values {
			if bytes.Contains(text, []byte(v)) {
				t.Errorf("%.20s… is in %s", v, where)
			}
		}
	}
	search("what was said", c.said.Bytes())
	files, size := 0, 0
	for _, dir := range append([]string{c.left}, c.stores...) {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil // gone meanwhile, or nothing to read
			}
			text, err := os.ReadFile(path)
			if err == nil {
				files, size = files+1, size+len(text)
				search(path, text)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("searched %d files, %d MB", files, size>>20)
	if files < 100 || size < 1<<20 {
		t.Errorf("only %d files with %d bytes were searched", files, size)
	}
}

// certificate is a certificate as PEM.
func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "tests"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
