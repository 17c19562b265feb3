package store

import (
	"context"
	"encoding/json"
	"fmt"
)

// Config returns the configuration of an image of the engine. ref is a name or
// an ID; a missing one gives an *Error for which errors.Is(err, ErrNotFound).
func (d Docker) Config(ctx context.Context, ref string) (BaseConfig, error) {
	doing := fmt.Sprintf("reading the configuration of %.60s", ref)
	out, err := d.Run(ctx, doing, nil, "image", "inspect", ref)
	if err != nil {
		return BaseConfig{}, err
	}
	var images []struct {
		ID               string `json:"Id"`
		Os, Architecture string
		Config           struct{ Env, OnBuild []string }
	}
	err = json.Unmarshal(out, &images)
	if err == nil && len(images) != 1 {
		err = fmt.Errorf("want one image, got %d", len(images))
	}
	if err != nil {
		return BaseConfig{}, badDockerAnswer(doing, err)
	}
	img := images[0]
	return BaseConfig{ID: img.ID, Env: img.Config.Env, OnBuild: img.Config.OnBuild, Platform: img.Os + "/" + img.Architecture}, nil
}
