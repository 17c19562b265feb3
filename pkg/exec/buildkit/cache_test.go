package buildkit_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/exec/buildkit/buildkittest"
	"github.com/terok-ai/terok-agent/pkg/exec/exectest"
)

// What one daemon left in a cache another takes, and runs no step.
func TestCaches(t *testing.T) {
	host := exectest.ServeRegistry(t).Host
	dir := filepath.Join(t.TempDir(), "cache")
	one, other := buildkittest.Shared(t).Address, buildkittest.Daemon(t)
	for name, c := range map[string][2]string{
		"registry": {"type=registry,ref=" + host + "/cache:main", host + "/cache:main"},
		"local":    {"type=local,dest=" + dir, "type=local,src=" + dir},
	} {
		t.Run(name, func(t *testing.T) {
			to, err := buildkit.ParseCache(c[0])
			if err != nil {
				t.Fatal(err)
			}
			from, err := buildkit.ParseCache(c[1])
			if err != nil {
				t.Fatal(err)
			}
			recipe := exectest.WithBase + "RUN echo " + name + " && cat /proc/sys/kernel/random/uuid > /random\n"
			said := func(address string, o buildkit.Options) string {
				target, images, base := newLayout(t)
				o.Addresses, o.Target = []string{address}, target
				x := buildkit.New(o)
				t.Cleanup(func() { _ = x.Close() })
				made, _ := exectest.Build(t, x, request(recipe, nil, exectest.OnBase(base)))
				return contentOf(t, images, made.Image, "/random")
			}
			want := said(one, buildkit.Options{CacheFrom: []buildkit.Cache{from}, CacheTo: []buildkit.Cache{to}})
			if got := said(other, buildkit.Options{CacheFrom: []buildkit.Cache{from}}); got != want {
				t.Errorf("the step ran again: %q, then %q", want, got)
			}
		})
	}
}

func TestParseCache(t *testing.T) {
	for _, bad := range []string{
		"", "type=registry", "type=local", "type=inline,ref=h.test/x", "ref=nohost", "type=registry,ref=h.test/x,mode", "type=registry,ref=\"",
	} {
		if _, err := buildkit.ParseCache(bad); !errors.Is(err, buildkit.ErrCache) {
			t.Errorf("ParseCache(%q): %v, want ErrCache", bad, err)
		}
	}
}
