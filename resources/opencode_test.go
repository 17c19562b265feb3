package resources_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// preset is an image's root with OpenCode's wrappers, one preset, and an
// opencode that says what it was given.
func preset(t *testing.T, base string) (root string, env []string) {
	t.Helper()
	needs(t, "python3")
	root = t.TempDir()
	bin := root + "/usr/local/bin"
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"testai", "testaitoad", "testai-acp"} {
		target := map[string]string{"testai": "opencode-provider", "testaitoad": "opencode-toad", "testai-acp": "opencode-provider-acp"}[name]
		symlink(t, script(t, "agents/opencode/"+target), filepath.Join(bin, name))
	}
	write(t, root+"/usr/local/share/terok/opencode-presets/testai.json", `{"base_url": "`+base+`", "display_name": "Test AI",
		"preferred_model": "best", "fallback_model": "good", "env_var_prefix": "TESTAI", "config_dir": ".testai"}`, 0o644)
	write(t, root+"/usr/local/share/terok/terok-acp-env.sh", read(t, script(t, "l1/usr/local/share/terok/terok-acp-env.sh")), 0o644)
	for _, name := range []string{"opencode", "toad"} {
		write(t, bin+"/"+name, "#!/bin/sh\necho "+name+" \"$@\" \"config=$OPENCODE_CONFIG\"\nexit 7\n", 0o755)
	}
	home := root + "/home"
	env = []string{"PATH=" + bin + ":" + filepath.Dir(interpreter(t)) + ":" + os.Getenv("PATH"), "HOME=" + home, "TEROK_ROOT=" + root}
	return root, env
}

func TestOpencodeProvider(t *testing.T) {
	var asked atomic.Int32
	models := `{"data": [{"id": "good"}, {"id": "best"}, {"id": "a"}]}`
	s := serve(t, map[string]http.HandlerFunc{"/v1/models": func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Authorization") != "Bearer geheim" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(models))
	}})
	root, env := preset(t, s.URL+"/v1/")
	testai, config := root+"/usr/local/bin/testai", root+"/home/.testai/opencode/opencode.json"
	run(t, env, "", testai).want(t, 1, "set TESTAI_API_KEY")
	env = append(env, "TESTAI_API_KEY=geheim")
	run(t, env, "", testai, "run", "--list", "--", "x").want(t, 7, "opencode run --list -- x config="+config)
	var got struct {
		Model      string
		Permission map[string]string
		Provider   map[string]struct {
			Options map[string]string
			Models  map[string]any
		}
	}
	if err := json.Unmarshal([]byte(read(t, config)), &got); err != nil {
		t.Fatal(err)
	}
	p := got.Provider["testai"]
	if got.Model != "testai/best" || len(p.Models) != 3 || p.Options["baseURL"] != s.URL+"/v1" || got.Permission["*"] != "allow" {
		t.Errorf("configured %+v", got)
	}
	if info, err := os.Stat(config); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file with the key: %v, %v", info.Mode(), err)
	}
	// The list of models is asked for once a day, and another provider's model
	// stays.
	write(t, config, strings.Replace(read(t, config), "testai/best", "other/model", 1), 0o600)
	run(t, env, "", testai).want(t, 7)
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	if !strings.Contains(read(t, config), "other/model") {
		t.Error("the user's choice of another provider was undone")
	}
	models = `{"data": [{"id": "good"}]}`
	run(t, env, "", testai, "--list-models").want(t, 0, "good\n")
	s.Close()
	run(t, env, "", testai, "--list-models").want(t, 0, "good\n")
	run(t, env, "", testai, "--base-url", "http://127.0.0.1:1", "--list-models").want(t, 1, "does not say which models")
	symlink(t, script(t, "agents/opencode/opencode-provider"), root+"/usr/local/bin/nobody")
	run(t, env, "", root+"/usr/local/bin/nobody").want(t, 1, "unknown provider 'nobody'")
}

func TestOpencodeWrappers(t *testing.T) {
	root, env := preset(t, "http://127.0.0.1:1")
	run(t, env, "", root+"/usr/local/bin/testai-acp", "--x").want(t, 7, "opencode acp --x config="+root+"/home/.testai/opencode/opencode.json")
	run(t, env, "", root+"/usr/local/bin/testaitoad", "y").want(t, 7, "toad acp testai-acp y")
	if got := read(t, root+"/home/.config/toad/toad.json"); !strings.Contains(got, `"theme": "dracula"`) {
		t.Errorf("toad's settings: %s", got)
	}
	symlink(t, script(t, "agents/opencode/opencode-toad"), root+"/usr/local/bin/nobodytoad")
	run(t, env, "", root+"/usr/local/bin/nobodytoad").want(t, 1, "no preset")
}
