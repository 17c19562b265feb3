package upstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/osv-scalibr/clients/datasource"
)

func (c *Client) pypiNewest(ctx context.Context, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// The client knows the public index; ours is the one that is configured.
	index, err := datasource.NewPyPIRegistryAPIClient(strings.TrimSuffix(c.sources.PypiIndex, "/"), "", c.http)
	if err != nil {
		return "", fmt.Errorf("asking the index of Python packages: %w", err)
	}
	answer, err := index.GetIndex(ctx, name)
	if err != nil {
		return "", fmt.Errorf("asking the index of Python packages for %s: %s", name, plain(err))
	}
	var versions []string
	for _, v := range answer.Versions {
		if stable(v) {
			versions = append(versions, v)
		}
	}
	if len(versions) == 0 {
		return "", errors.New("the index lists no versions of " + name)
	}
	return slices.MaxFunc(versions, Compare), nil
}
