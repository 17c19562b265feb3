package upstream_test

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/terok-ai/terok-agent/pkg/layers/sources"
	"github.com/terok-ai/terok-agent/pkg/layers/upstream"
)

func newest(t *testing.T, registry, ca string) (string, error) {
	t.Helper()
	c, err := upstream.New(sources.Config{NpmRegistry: registry}, ca, func(string) string { return "" }, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return c.Newest(t.Context(), entry(t, npmNative))
}

// Certificates of a bundle are trusted, beside the system's.
func TestCABundleIsTrusted(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(manifest("2.0.0", "")))
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := newest(t, s.URL+"/", ca); err != nil || got != "2.0.0" {
		t.Errorf("with the bundle: %q, %v", got, err)
	}
	if got, err := newest(t, s.URL+"/", ""); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without: %q, %v", got, err)
	}
	if _, err := upstream.New(sources.Config{}, "/nowhere", os.Getenv, time.Now); err == nil {
		t.Error("a bundle that is not there was taken")
	}
}

// The proxies of the environment are used. They are read once in the life of a
// process, so this needs one of its own.
func TestProxyIsUsed(t *testing.T) {
	if os.Getenv("TEROK_TEST_PROXIED") != "" {
		if got, err := newest(t, "http://registry.invalid/", ""); err != nil || got != "2.0.0" {
			t.Fatalf("got %q, %v", got, err)
		}
		return
	}
	asked := ""
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		_, _ = w.Write([]byte(manifest("2.0.0", "")))
	}))
	t.Cleanup(proxy.Close)
	child := osexec.Command(os.Args[0], "-test.run=^TestProxyIsUsed$", "-test.count=1")
	child.Env = append(os.Environ(), "TEROK_TEST_PROXIED=1", "HTTP_PROXY="+proxy.URL, "http_proxy="+proxy.URL, "NO_PROXY=", "no_proxy=")
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.HasPrefix(asked, "http://registry.invalid/@s") {
		t.Errorf("the proxy was asked for %q", asked)
	}
}
