package store_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/terok-ai/terok-agent/pkg/layers/store"
	"github.com/terok-ai/terok-agent/pkg/testfile"
)

// auths is a file with an entry for each key, whose user is the value.
func auths(t *testing.T, file string, users map[string]string) {
	t.Helper()
	var entries []string
	for key, user := range users {
		entries = append(entries, fmt.Sprintf(`%q: {"auth": %q}`, key, base64.StdEncoding.EncodeToString([]byte(user+":password"))))
	}
	testfile.Write(t, file, `{"auths": {`+strings.Join(entries, ",")+`}}`)
}

func userFor(t *testing.T, k store.Keychain, ref string) string {
	t.Helper()
	repo, err := name.NewRepository(ref)
	if err != nil {
		t.Fatal(err)
	}
	found, err := k.Resolve(repo)
	if err != nil {
		t.Fatal(err)
	}
	c, err := authn.Authorization(context.Background(), found)
	if err != nil {
		t.Fatal(err)
	}
	if c.Username != "" && c.Password != "password" {
		t.Errorf("the password of %s is %q", c.Username, c.Password)
	}
	return c.Username
}

// Each file is read only for what those before it do not have.
func TestKeychainOrder(t *testing.T) {
	dir := t.TempDir()
	env := map[string]string{
		"REGISTRY_AUTH_FILE": dir + "/named.json", "XDG_RUNTIME_DIR": dir + "/run", "XDG_CONFIG_HOME": dir + "/config",
		"HOME": dir + "/home", "DOCKER_CONFIG": dir + "/docker",
	}
	auths(t, dir+"/named.json", map[string]string{"a.test": "named"})
	auths(t, dir+"/run/containers/auth.json", map[string]string{"a.test": "run"})
	auths(t, dir+"/config/containers/auth.json", map[string]string{"a.test": "config", "b.test": "config"})
	auths(t, dir+"/home/.config/containers/auth.json", map[string]string{"a.test": "home", "b.test": "home"})
	auths(t, dir+"/docker/config.json", map[string]string{"a.test": "docker", "c.test": "docker"})
	auths(t, dir+"/home/.docker/config.json", map[string]string{"a.test": "home docker", "c.test": "home docker"})
	k := store.Keychain{Getenv: func(name string) string { return env[name] }}
	expect := func(a, b, c string) {
		t.Helper()
		for registry, want := range map[string]string{"a.test": a, "b.test": b, "c.test": c} {
			if got := userFor(t, k, registry+"/x"); got != want {
				t.Errorf("%s: user %q, want %q", registry, got, want)
			}
		}
	}
	expect("named", "", "")
	delete(env, "REGISTRY_AUTH_FILE")
	expect("run", "config", "docker")
	delete(env, "XDG_CONFIG_HOME")
	expect("run", "home", "docker")
	delete(env, "DOCKER_CONFIG")
	expect("run", "home", "home docker")
	delete(env, "XDG_RUNTIME_DIR")
	if want := "/run/containers/" + strconv.Itoa(os.Getuid()) + "/auth.json"; !slices.Contains(k.Files(), want) {
		t.Errorf("files %q, want %s among them", k.Files(), want)
	}
}

func TestKeychainEntries(t *testing.T) {
	dir := t.TempDir()
	helper := "read -r server\n[ \"$server\" = helped.test ] || { echo 'credentials not found in native keychain'; exit 1; }\n" +
		`echo '{"ServerURL":"helped.test","Username":"helped","Secret":"password"}'`
	testfile.Script(t, dir+"/bin/docker-credential-conform", helper)
	t.Setenv("PATH", dir+"/bin:"+os.Getenv("PATH"))
	file := dir + "/auth.json"
	env := map[string]string{"REGISTRY_AUTH_FILE": file}
	k := store.Keychain{Getenv: func(name string) string { return env[name] }}

	auths(t, file, map[string]string{
		"r.test": "registry", "r.test/team": "team", "r.test/team/app": "app", "https://index.docker.io/v1/": "hub", "r.test:5000": "port",
	})
	for ref, want := range map[string]string{
		"r.test/x": "registry", "r.test/team/x": "team", "r.test/team/app": "app", "r.test/team/app/x": "app", "r.test/teams/x": "registry",
		"debian": "hub", "docker.io/a/b": "hub", "r.test:5000/x": "port", "other.test/x": "",
	} {
		if got := userFor(t, k, ref); got != want {
			t.Errorf("%s: user %q, want %q", ref, got, want)
		}
	}
	testfile.Write(t, file, `{"credHelpers": {"helped.test": "conform"}}`)
	if got := userFor(t, k, "helped.test/x"); got != "helped" {
		t.Errorf("through a helper: user %q", got)
	}
	testfile.Write(t, file, `{"auths": {"r.test": {"auth": "secret-and-garbled`)
	_, err := k.Resolve(name.MustParseReference("r.test/x").Context())
	if err == nil || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "secret-and") {
		t.Errorf("a garbled file: %v, want an error that names it and shows nothing of it", err)
	}
}
