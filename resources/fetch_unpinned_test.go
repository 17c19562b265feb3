package resources_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
)

// What nobody can check must at least come from whom it says, and is announced.
func TestFetchUnpinned(t *testing.T) {
	body := []byte("bytes")
	paths := map[string]http.HandlerFunc{"/f": bytesOf(body)}
	s := httptest.NewUnstartedServer(mux(paths))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	dash := platforms(t)[0]
	f := fetch{source: s.URL + "/f", format: "bare", digest: "unpinned", ca: pemOf(t, s)}
	f.do(t, dash).want(t, 0, "UNPINNED: nobody checked them")
	f = fetch{source: serve(t, paths).URL + "/f", format: "bare", digest: "unpinned"}
	f.do(t, dash).want(t, 2, "must come from an https address")
}
