package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

// pin is one Python package of a resolution.
type pin struct {
	version string
	// hashes by platform.
	hashes map[string]string
}

// wheelTags are what a platform's files may be made for, the newest first.
var wheelTags = map[string][]string{
	"linux/amd64": {"manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"},
	"linux/arm64": {"manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"},
}

// machines are how Python calls the platforms' processors.
var machines = map[string]string{"linux/amd64": "x86_64", "linux/arm64": "aarch64"}

// pypiTree has pip resolve a package for every platform and joins the results.
func (c *Client) pypiTree(ctx context.Context, e roster.Entry, p *roster.Pypi, version string) ([]byte, error) {
	if p.Sdist {
		return nil, fmt.Errorf("the lock of %s is made by hand, because the package is made from its source archive (sdist)", e.Name)
	}
	pins := map[string]*pin{}
	for _, platform := range e.Platforms {
		if err := c.pypiResolve(ctx, e.Name, p, version, platform, pins); err != nil {
			return nil, err
		}
	}
	return requirements(pins, e.Platforms), nil
}

func (c *Client) pypiResolve(ctx context.Context, entry string, p *roster.Pypi, version, platform string, pins map[string]*pin) error {
	dir, err := os.MkdirTemp("", "terok-agent-lock-")
	if err != nil {
		return fmt.Errorf("making a directory for pip: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	name := p.Package
	if len(p.Extras) > 0 {
		name += "[" + strings.Join(p.Extras, ",") + "]"
	}
	args := []string{
		"-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--disable-pip-version-check", "--report", "-",
		"--only-binary", ":all:", "--target", dir, "--implementation", "cp",
	}
	if v := pythonVersion(p.Python); v != "" {
		args = append(args, "--python-version", v)
	}
	for _, tag := range wheelTags[platform] {
		args = append(args, "--platform", tag)
	}
	if c.sources.PypiIndex != "" {
		args = append(args, "--index-url", c.sources.PypiIndex)
	}
	out, err := c.run(ctx, entry, dir, c.Python, append(args, name+"=="+version)...)
	if err != nil {
		return err
	}
	var report struct {
		Install []struct {
			Metadata struct{ Name, Version string }
			Download struct {
				Archive struct {
					Hashes map[string]string `json:"hashes"`
				} `json:"archive_info"`
			} `json:"download_info"`
		}
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return fmt.Errorf("reading what pip resolved for %s: %w", entry, err)
	}
	if len(report.Install) == 0 {
		return errors.New("pip resolved nothing for " + entry)
	}
	for _, i := range report.Install {
		hash := i.Download.Archive.Hashes["sha256"]
		if hash == "" {
			return fmt.Errorf("the index gives no sha256 of %s %s", i.Metadata.Name, i.Metadata.Version)
		}
		known, ok := pins[i.Metadata.Name]
		if !ok {
			known = &pin{version: i.Metadata.Version, hashes: map[string]string{}}
			pins[i.Metadata.Name] = known
		}
		if known.version != i.Metadata.Version {
			return fmt.Errorf("%s is %s on one platform and %s on %s", i.Metadata.Name, known.version, i.Metadata.Version, platform)
		}
		known.hashes[platform] = hash
	}
	return nil
}

// pythonVersion reads "python314" as "3.14".
func pythonVersion(entry string) string {
	digits, ok := strings.CutPrefix(entry, "python")
	if !ok || len(digits) < 2 {
		return ""
	}
	return digits[:1] + "." + digits[1:]
}

// requirements writes a lock: what only some platforms need gets a condition.
func requirements(pins map[string]*pin, platforms []string) []byte {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(pins)) {
		p := pins[name]
		fmt.Fprintf(&b, "%s==%s", name, p.version)
		if len(p.hashes) < len(platforms) {
			var have []string
			for _, platform := range slices.Sorted(maps.Keys(p.hashes)) {
				have = append(have, fmt.Sprintf("platform_machine == %q", machines[platform]))
			}
			fmt.Fprintf(&b, " ; %s", strings.Join(have, " or "))
		}
		hashes := slices.Sorted(maps.Values(p.hashes))
		for _, h := range slices.Compact(hashes) {
			fmt.Fprintf(&b, " \\\n    --hash=sha256:%s", h)
		}
		b.WriteString("\n")
	}
	return []byte(b.String())
}
