package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// BaseConfig is what a base image's configuration adds to everything built on
// it.
type BaseConfig struct {
	// ID is the config digest, "sha256:…".
	ID string
	// Env is its environment, "K=V", in order.
	Env []string
	// OnBuild are its ONBUILD triggers, in order.
	OnBuild []string
	// Platform is "os/arch[/variant]".
	Platform string
}

// inspected is the part of "podman image inspect" that is needed.
type inspected struct {
	ID     string `json:"Id"`
	Config struct{ Env []string }
	Os     string
	// Architecture has no variant in podman's answer.
	Architecture string
	History      []struct {
		CreatedBy string `json:"created_by"`
	}
}

// Config returns the configuration of an image in the storage. ref is a name
// or an ID; a missing one gives an *Error for which errors.Is(err, ErrNotFound).
func (p Podman) Config(ctx context.Context, ref string) (BaseConfig, error) {
	doing := fmt.Sprintf("reading the configuration of %q", ref)
	out, err := p.run(ctx, doing, "image", "inspect", "--format", "json", "--", ref)
	if err != nil {
		return BaseConfig{}, err
	}
	var images []inspected
	if err := json.Unmarshal(out, &images); err != nil {
		return BaseConfig{}, badAnswer(doing, err)
	}
	if len(images) != 1 || !isHex64(images[0].ID) {
		return BaseConfig{}, badAnswer(doing, fmt.Errorf("want one image with an ID, got %d", len(images)))
	}
	img := images[0]
	c := BaseConfig{ID: "sha256:" + img.ID, Env: img.Config.Env, Platform: img.Os + "/" + img.Architecture}
	if !mentionsOnBuild(img) {
		return c, nil
	}
	if c.OnBuild, err = p.onBuild(ctx, doing, img.ID); err != nil {
		return BaseConfig{}, err
	}
	return c, nil
}

// mentionsOnBuild says whether triggers are possible. An image's history keeps
// the instruction that made a trigger, also in images that inherited it.
func mentionsOnBuild(img inspected) bool {
	for _, h := range img.History {
		if strings.Contains(strings.ToUpper(h.CreatedBy), "ONBUILD") {
			return true
		}
	}
	return false
}

// onBuild reads the triggers from the image's configuration in the storage
// itself: no podman command shows them.
func (p Podman) onBuild(ctx context.Context, doing, id string) ([]string, error) {
	out, err := p.run(ctx, doing, "info", "--format", "{{.Store.GraphRoot}}\n{{.Store.GraphDriverName}}")
	if err != nil {
		return nil, err
	}
	root, driver, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	name := "=" + base64.StdEncoding.EncodeToString([]byte("sha256:"+id))
	blob, err := os.ReadFile(filepath.Join(root, driver+"-images", id, name))
	if err != nil {
		return nil, &Error{Class: ClassStorage, Message: fmt.Sprintf("%s: reading its ONBUILD triggers: %v", doing, err), Err: err}
	}
	var config struct {
		Config struct{ OnBuild []string } `json:"config"`
	}
	if err := json.Unmarshal(blob, &config); err != nil {
		return nil, badAnswer(doing, err)
	}
	return config.Config.OnBuild, nil
}
