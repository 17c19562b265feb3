package buildkit

import (
	"context"
	"strings"

	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth/authprovider"

	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// credentials answers the daemon with the credentials that we use ourselves:
// those that podman and docker keep.
func (x *Executor) credentials() session.Attachable {
	keys := store.Keychain{Getenv: x.o.Getenv}
	return authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{
		AuthConfigProvider: func(ctx context.Context, host string, scope []string, _ authprovider.ExpireCachedAuthCheck) (types.AuthConfig, error) {
			return credentialsOf(ctx, keys, host, scope)
		},
	})
}

func credentialsOf(ctx context.Context, keys authn.Keychain, host string, scope []string) (types.AuthConfig, error) {
	if host == "registry-1.docker.io" {
		host = name.DefaultRegistry
	}
	asked, err := resource(host, scope)
	if err != nil {
		return types.AuthConfig{}, err
	}
	found, err := authn.Resolve(ctx, keys, asked)
	if err != nil {
		return types.AuthConfig{}, err
	}
	c, err := authn.Authorization(ctx, found)
	if err != nil || c == nil {
		return types.AuthConfig{}, err
	}
	return types.AuthConfig{
		ServerAddress: host, Username: c.Username, Password: c.Password, IdentityToken: c.IdentityToken, RegistryToken: c.RegistryToken,
	}, nil
}

// resource is what the daemon wants to do something with: the repository of a
// scope ("repository:team/app:pull"), else the registry.
func resource(host string, scope []string) (authn.Resource, error) {
	for _, s := range scope {
		parts := strings.Split(s, ":")
		if len(parts) != 3 || parts[0] != "repository" {
			continue
		}
		if repo, err := name.NewRepository(host + "/" + parts[1]); err == nil {
			return repo, nil
		}
	}
	return name.NewRegistry(host)
}
