package store_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

func TestSharedNames(t *testing.T) {
	r := store.RegistryStore{Prefix: "ghcr.test/team"}
	k := graph.Key(graph.DigestOf("x"))
	tag := "key-" + strings.TrimPrefix(string(k), "sha256:")[:32]
	for in, want := range map[string][2]string{
		"terok-l0:x":         {"ghcr.test/team/terok-l0:x", "ghcr.test/team/terok-l0:" + tag},
		"localhost/a/b:1":    {"ghcr.test/team/a/b:1", "ghcr.test/team/a/b:" + tag},
		"quay.test:50/a/b:1": {"ghcr.test/team/a/b:1", "ghcr.test/team/a/b:" + tag},
	} {
		if got := r.Shared(in); got != want[0] {
			t.Errorf("Shared(%q) = %q, want %q", in, got, want[0])
		}
		if got := r.SharedByKey(in, k); got != want[1] {
			t.Errorf("SharedByKey(%q) = %q, want %q", in, got, want[1])
		}
	}
}

// What is offered has its reference as name; what is not there is none.
func TestOffers(t *testing.T) {
	host := serve(t, nil)
	img := image(t, "amd64")
	push(t, host+"/team/terok-l0:key-1", img)
	config, _ := digests(t, img)
	refs := []string{host + "/team/terok-l0:key-1", host + "/team/terok-l0:key-2", host + "/team/none:key-1"}
	snap, err := store.RegistryStore{Prefix: host + "/team"}.Offers(context.Background(), refs, "linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := snap.ByName(refs[0]); !ok || got.ID != config || len(snap.Images) != 1 {
		t.Errorf("offers %+v, want %s only", snap.Images, config)
	}
}

// A registry in trouble is never one that has nothing.
func TestLooksInTrouble(t *testing.T) {
	status := func(code int) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		want   error
	}{
		"401": {status(401), store.ErrUnauthorized},
		"403": {status(403), store.ErrUnauthorized},
		"429": {status(429), store.ErrRateLimited},
		"500": {status(500), store.ErrUnreachable},
		"truncated": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			w.Header().Set("Content-Length", "500")
			_, _ = io.WriteString(w, `{"schemaVersion":2,`)
		}, store.ErrBadAnswer},
		"slow": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, store.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			host := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
				trouble := strings.Contains(r.URL.Path, "/manifests/")
				if trouble {
					c.answer(w, r)
				}
				return trouble
			})
			s := store.RegistryStore{Prefix: host + "/team", Registry: store.Registry{Patience: 200 * time.Millisecond}}
			_, looked := s.Observe(context.Background(), []string{"terok-l0:x"}, "linux/amd64")
			_, offered := s.Offers(context.Background(), []string{host + "/team/terok-l0:key-1"}, "linux/amd64")
			for what, err := range map[string]error{"Observe": looked, "Offers": offered} {
				var e *store.Error
				if !errors.As(err, &e) || e.Class != store.ClassRegistry || e.Hint == "" || !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want class registry, a hint and %v", what, err, c.want)
				}
			}
		})
	}
}
