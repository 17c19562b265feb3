package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// Keychain finds the credentials that podman and docker keep, in the files and
// in the order of containers-auth.json(5). The zero value reads the process's
// environment.
type Keychain struct {
	// Getenv reads the environment; nil means the process's.
	Getenv func(string) string
}

var _ authn.Keychain = Keychain{}

func (k Keychain) getenv(name string) string {
	if k.Getenv == nil {
		return os.Getenv(name)
	}
	return k.Getenv(name)
}

// Files are where credentials are looked for, the first first. A file that
// REGISTRY_AUTH_FILE names is the only one.
func (k Keychain) Files() []string {
	if file := k.getenv("REGISTRY_AUTH_FILE"); file != "" {
		return []string{file}
	}
	var files []string
	if dir := k.getenv("XDG_RUNTIME_DIR"); dir != "" {
		files = append(files, filepath.Join(dir, "containers", "auth.json"))
	} else {
		files = append(files, filepath.Join("/run/containers", strconv.Itoa(os.Getuid()), "auth.json"))
	}
	home := k.getenv("HOME")
	switch dir := k.getenv("XDG_CONFIG_HOME"); {
	case dir != "":
		files = append(files, filepath.Join(dir, "containers", "auth.json"))
	case home != "":
		files = append(files, filepath.Join(home, ".config", "containers", "auth.json"))
	}
	switch dir := k.getenv("DOCKER_CONFIG"); {
	case dir != "":
		files = append(files, filepath.Join(dir, "config.json"))
	case home != "":
		files = append(files, filepath.Join(home, ".docker", "config.json"))
	}
	return files
}

// Resolve returns the credentials for a registry or a repository, those of the
// longest name that fits; anonymous ones when no file has any.
func (k Keychain) Resolve(r authn.Resource) (authn.Authenticator, error) {
	for _, file := range k.Files() {
		have, err := readCredentials(file)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the credentials in %s: %w", file, err)
		}
		found, err := lookUp(have, r)
		if err != nil {
			return nil, fmt.Errorf("asking for the credentials of %s as %s says: %w", r.RegistryStr(), file, err)
		}
		if found != (types.AuthConfig{}) {
			return authn.FromConfig(authn.AuthConfig{
				Username: found.Username, Password: found.Password, Auth: found.Auth,
				IdentityToken: found.IdentityToken, RegistryToken: found.RegistryToken,
			}), nil
		}
	}
	return authn.Anonymous, nil
}

func readCredentials(file string) (*configfile.ConfigFile, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return config.LoadFromReader(f)
}

// lookUp finds a resource in a file: repositories and what they lie in by the
// file's own entries, the registry through helpers too.
func lookUp(have *configfile.ConfigFile, r authn.Resource) (types.AuthConfig, error) {
	for key := r.String(); strings.Contains(key, "/"); key = key[:strings.LastIndexByte(key, '/')] {
		if found, ok := have.AuthConfigs[key]; ok {
			return withoutAddress(found), nil
		}
	}
	for _, key := range registryKeys(r.RegistryStr()) {
		found, err := have.GetAuthConfig(key)
		if err != nil {
			return types.AuthConfig{}, err
		}
		if found = withoutAddress(found); found != (types.AuthConfig{}) {
			return found, nil
		}
	}
	return types.AuthConfig{}, nil
}

// registryKeys are the spellings of a registry: the oldest has several.
func registryKeys(registry string) []string {
	if registry == name.DefaultRegistry {
		return []string{authn.DefaultAuthKey, "docker.io", registry}
	}
	return []string{registry}
}

// withoutAddress leaves what makes two entries differ.
func withoutAddress(c types.AuthConfig) types.AuthConfig {
	c.ServerAddress = ""
	return c
}
