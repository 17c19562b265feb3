package store

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Registry looks at container registries over their HTTP API.
type Registry struct {
	// Keychain finds credentials; nil means those that podman and docker keep, as
	// the type of that name finds them.
	Keychain authn.Keychain
	// Transport makes the requests; nil means the library's, which knows
	// proxies.
	Transport http.RoundTripper
	// Patience is how long a registry may take to begin an answer; 0 means half
	// a minute. A Transport has its own.
	Patience time.Duration
}

// Pinned is an image of a registry, pinned for one platform.
type Pinned struct {
	// ConfigDigest is the image's ID in a local store, "sha256:…".
	ConfigDigest string
	// Manifest is the digest of the platform's own manifest, "sha256:…".
	Manifest string
	// Env and OnBuild are the config's, as BaseConfig has them.
	Env, OnBuild []string
}

// retries are few and quick: a person waits, and can ask again.
var retries = remote.Backoff{Duration: 200 * time.Millisecond, Factor: 3, Steps: 3}

// Pin asks the registry which image ref is right now for a platform
// ("linux/amd64"), following an index. Failures are *Error with class
// ClassRegistry, and errors.Is tells ErrUnauthorized, ErrNotFound,
// ErrRateLimited, ErrUnreachable and ErrBadAnswer apart.
func (r Registry) Pin(ctx context.Context, ref, platform string) (Pinned, error) {
	full, err := parseRef(ref)
	if err != nil {
		return Pinned{}, &Error{Class: ClassRegistry, Message: fmt.Sprintf("asking for %q: %v", ref, err), Err: err}
	}
	want, err := v1.ParsePlatform(platform)
	if err != nil {
		return Pinned{}, &Error{Class: ClassRegistry, Message: fmt.Sprintf("asking for %q: platform %q: %v", ref, platform, err), Err: err}
	}
	desc, err := remote.Get(full, r.options(ctx, *want)...)
	if err != nil {
		return Pinned{}, registryError(ctx, full, err)
	}
	if desc.MediaType.IsIndex() {
		if err := offers(desc, *want); err != nil {
			return Pinned{}, registryError(ctx, full, err)
		}
	}
	img, err := desc.Image()
	if err != nil {
		return Pinned{}, registryError(ctx, full, err)
	}
	pinned, err := pinOf(img, *want)
	if err != nil {
		return Pinned{}, registryError(ctx, full, err)
	}
	return pinned, nil
}

// Options are how this program speaks to registries: credentials, retries,
// transport. Who pushes or tags uses the same.
func (r Registry) Options(ctx context.Context) []remote.Option {
	return r.options(ctx, v1.Platform{OS: "linux"})
}

// Failure makes an *Error of what a registry answered.
func (r Registry) Failure(ctx context.Context, ref name.Reference, err error) error {
	return registryError(ctx, ref, err)
}

func (r Registry) options(ctx context.Context, platform v1.Platform) []remote.Option {
	return []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(r.keychain()),
		remote.WithPlatform(platform), remote.WithRetryBackoff(retries),
		remote.WithRetryPredicate(worthRetrying), remote.WithTransport(r.transport()),
	}
}

func (r Registry) keychain() authn.Keychain {
	if r.Keychain == nil {
		return Keychain{}
	}
	return r.Keychain
}

// parseRef completes ref as podman does, and allows plain HTTP for registries
// on this machine only.
func parseRef(ref string) (name.Reference, error) {
	ref = strings.TrimSpace(ref)
	bare, digest, pinned := strings.Cut(ref, "@")
	full := fullNames(bare)
	if len(full) == 0 {
		return nil, fmt.Errorf("%w: an empty reference", ErrNotFound)
	}
	text := full[0]
	if !hasHost(repository(bare)) && strings.HasPrefix(text, "localhost/") {
		text = full[len(full)-1]
	}
	if strings.HasPrefix(text, "localhost/") {
		return nil, fmt.Errorf("%w: names under localhost live in podman's storage, no registry has them", ErrNotFound)
	}
	if pinned {
		text = repository(text) + "@" + digest
	}
	parsed, err := name.ParseReference(text)
	if err != nil {
		return nil, err
	}
	if IsLoopback(parsed.Context().RegistryStr()) {
		return name.ParseReference(text, name.Insecure)
	}
	return parsed, nil
}

// IsLoopback says whether a registry ("host[:port]") is on this machine: only
// such a one may be spoken to without TLS.
func IsLoopback(registry string) bool {
	host := registry
	if h, _, err := net.SplitHostPort(registry); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// offers returns an error that lists what an index has when it lacks want.
func offers(desc *remote.Descriptor, want v1.Platform) error {
	index, err := desc.ImageIndex()
	if err != nil {
		return err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	var have []string
	for _, m := range manifest.Manifests {
		if m.Platform == nil || m.Platform.OS == "unknown" {
			continue
		}
		if m.Platform.Satisfies(want) {
			return nil
		}
		have = append(have, m.Platform.String())
	}
	return fmt.Errorf("%w: not offered for %s, only for %s", ErrNotFound, want.String(), strings.Join(have, ", "))
}

func pinOf(img v1.Image, want v1.Platform) (Pinned, error) {
	config, err := img.ConfigFile()
	if err != nil {
		return Pinned{}, err
	}
	if have := config.Platform(); have != nil && !have.Satisfies(v1.Platform{OS: want.OS, Architecture: want.Architecture}) {
		return Pinned{}, fmt.Errorf("%w: it is for %s, not for %s", ErrNotFound, have.String(), want.String())
	}
	id, err := img.ConfigName()
	if err != nil {
		return Pinned{}, err
	}
	digest, err := img.Digest()
	if err != nil {
		return Pinned{}, err
	}
	return Pinned{
		ConfigDigest: id.String(), Manifest: digest.String(),
		Env: config.Config.Env, OnBuild: config.Config.OnBuild,
	}, nil
}
