package sources_test

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/sources"
)

// host is a machine with these variables and files.
func host(env, files map[string]string) sources.Host {
	return sources.Host{
		Env: func(name string) string { return env[name] },
		ReadFile: func(name string) ([]byte, error) {
			text, ok := files[name]
			if !ok {
				return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
			}
			return []byte(text), nil
		},
		Dir: "/project",
	}
}

func TestNpmRegistryPrecedence(t *testing.T) {
	home := map[string]string{"HOME": "/home/me"}
	user := map[string]string{"/home/me/.npmrc": "registry=https://user.example/"}
	for _, c := range []struct {
		name    string
		env     map[string]string
		files   map[string]string
		mirrors []sources.Mirror
		ask     string
		want    string
	}{
		{
			"a mirror rule beats the environment",
			map[string]string{"npm_config_registry": "https://env.example"},
			nil,
			[]sources.Mirror{{From: "npm", To: "http://127.0.0.1:1/npm"}},
			"", "http://127.0.0.1:1/npm/",
		},
		{
			"the environment beats the project",
			map[string]string{"NPM_CONFIG_REGISTRY": "https://env.example"},
			map[string]string{"/project/.npmrc": "registry=https://project.example/"},
			nil, "https://npm.example", "https://env.example/",
		},
		{
			"the project beats the user", home,
			map[string]string{"/project/.npmrc": "registry = https://project.example/", "/home/me/.npmrc": "registry=https://user.example"},
			nil, "https://npm.example", "https://project.example/",
		},
		{"the user beats npm", home, user, nil, "https://npm.example", "https://user.example/"},
		{
			"another user file",
			map[string]string{"HOME": "/home/me", "NPM_CONFIG_USERCONFIG": "/else"},
			map[string]string{"/else": "registry=https://else.example", "/home/me/.npmrc": "registry=https://user.example"},
			nil, "", "https://else.example/",
		},
		{
			"the machine's file", home,
			map[string]string{"/etc/npmrc": "registry=https://machine.example"},
			nil, "https://npm.example", "https://machine.example/",
		},
		{
			"another machine's file",
			map[string]string{"npm_config_prefix": "/opt/node"},
			map[string]string{"/opt/node/etc/npmrc": "registry=https://prefix.example", "/etc/npmrc": "registry=https://machine.example"},
			nil, "", "https://prefix.example/",
		},
		{"npm itself", home, nil, nil, "https://npm.example", "https://npm.example/"},
		{
			"comments, sections and quotes", home,
			map[string]string{"/home/me/.npmrc": "; registry=https://a.example\n# registry=https://b.example\r\nregistry=\"https://c.example\"\n[x]\nregistry=https://d.example"},
			nil, "", "https://c.example/",
		},
		{
			"a variable",
			map[string]string{"HOME": "/home/me", "HOST": "var.example"},
			map[string]string{"/home/me/.npmrc": "registry=https://${HOST}/npm ; ours"},
			nil, "", "https://var.example/npm/",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := host(c.env, c.files)
			if c.ask != "" {
				h.AskNpm = func() string { return c.ask }
			}
			got, err := sources.Load(h, c.mirrors)
			if err != nil || got.NpmRegistry != c.want {
				t.Errorf("got %q, %v, want %q", got.NpmRegistry, err, c.want)
			}
		})
	}
}

func TestDefaultRegistry(t *testing.T) {
	for _, ask := range []func() string{nil, func() string { return "" }, func() string { return "undefined" }} {
		h := host(nil, nil)
		h.AskNpm = ask
		got, err := sources.Load(h, nil)
		if err != nil || !strings.HasPrefix(got.NpmRegistry, "https://") || !strings.HasSuffix(got.NpmRegistry, "/") {
			t.Errorf("got %q, %v, want the public registry", got.NpmRegistry, err)
		}
	}
}

func TestHeaders(t *testing.T) {
	password := base64.StdEncoding.EncodeToString([]byte("secret"))
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("me:secret"))
	rc := strings.Join([]string{
		"registry=http://127.0.0.1:8099/npm/",
		"//127.0.0.1:8099/npm/:_authToken=${TOKEN}",
		"//other.example/:_authToken=\"abc\"",
		"//unset.example/:_authToken=a${NOWHERE}",
		"//basic.example/x:_auth=bWU6eA==",
		"//pair.example/:username=me",
		"//pair.example/:_password=" + password,
		"//half.example/:username=me",
		"_authToken=everywhere",
	}, "\n")
	got, err := sources.Load(host(map[string]string{"TOKEN": "t0k"}, map[string]string{"/project/.npmrc": rc}), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []sources.Header{
		{Prefix: "http://127.0.0.1:8099/npm/", Name: "Authorization", Value: "Bearer t0k"},
		{Prefix: "https://127.0.0.1:8099/npm/", Name: "Authorization", Value: "Bearer t0k"},
		{Prefix: "https://basic.example/x/", Name: "Authorization", Value: "Basic bWU6eA=="},
		{Prefix: "https://other.example/", Name: "Authorization", Value: "Bearer abc"},
		{Prefix: "https://pair.example/", Name: "Authorization", Value: basic},
	}
	if !reflect.DeepEqual(got.Headers, want) {
		t.Errorf("got %+v\nwant %+v", got.Headers, want)
	}
}

func TestEncode(t *testing.T) {
	rc := "registry=https://npm.example/r\n@corp:registry=https://corp.example/npm\n//corp.example/npm/:_authToken=abc\n"
	got, err := sources.Load(host(nil, map[string]string{"/project/.npmrc": rc}), []sources.Mirror{
		{From: "https://git.example/", To: "https://mirror.example/git"},
		{From: "https://git.example/", To: "https://mirror.example/git/"},
		{From: "pypi", To: "https://pypi.example/simple/"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `npm https://npm.example/r/
pypi https://pypi.example/simple/
header https://corp.example/npm/ Authorization: Bearer abc
mirror https://git.example/ https://mirror.example/git/
mirror https://npm.example/r/@corp/ https://corp.example/npm/@corp/
`
	if string(got.Encode()) != want {
		t.Errorf("got\n%swant\n%s", got.Encode(), want)
	}
	if got.PypiIndex != "https://pypi.example/simple/" {
		t.Errorf("got index %q", got.PypiIndex)
	}
}

func TestMirrorErrors(t *testing.T) {
	for _, c := range []struct {
		name    string
		mirrors []sources.Mirror
		want    string
	}{
		{"from without slash", []sources.Mirror{{From: "https://a.example", To: "https://b.example/"}}, "end in /"},
		{"unknown ecosystem", []sources.Mirror{{From: "maven", To: "https://b.example/"}}, "npm, pypi or a URL"},
		{"scheme of from", []sources.Mirror{{From: "ftp://a.example/", To: "https://b.example/"}}, "scheme"},
		{"scheme of to", []sources.Mirror{{From: "npm", To: "file:///srv/npm"}}, "scheme"},
		{"no host", []sources.Mirror{{From: "npm", To: "https:///npm"}}, "no host"},
		{"a second line", []sources.Mirror{{From: "npm", To: "https://b.example/\nheader https://c.example/ X: y"}}, "URL"},
		{"a blank", []sources.Mirror{{From: "npm", To: "https://b.example/a b"}}, "plain"},
		{"a query", []sources.Mirror{{From: "npm", To: "https://b.example/?a="}}, "plain"},
		{
			"two targets",
			[]sources.Mirror{{From: "npm", To: "https://b.example/"}, {From: "npm", To: "https://c.example/"}},
			"another rule",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := sources.Load(host(nil, nil), c.mirrors)
			var e *sources.MirrorError
			if !errors.As(err, &e) || !strings.Contains(e.Message, c.want) {
				t.Errorf("got %v, want a MirrorError with %q", err, c.want)
			}
		})
	}
}

func TestNpmrcErrors(t *testing.T) {
	for _, c := range []struct{ name, rc, want string }{
		{"not a URL", "a=b\nregistry=npm.example", "/project/.npmrc:2: "},
		{"unset variable", "registry=https://${NOWHERE}/", "/project/.npmrc:1: the variable NOWHERE"},
		{"scope", "@a:registry=x", "/project/.npmrc:1: "},
		{"password", "//a.example/:username=me\n//a.example/:_password=%", "not base64"},
		{"control characters", "//a.example/:_authToken=a\tb", "control characters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := sources.Load(host(nil, map[string]string{"/project/.npmrc": c.rc}), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
	h := host(nil, nil)
	h.ReadFile = func(string) ([]byte, error) { return nil, fs.ErrPermission }
	if _, err := sources.Load(h, nil); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a file that cannot be read gives %v", err)
	}
	if _, err := sources.Load(host(map[string]string{"npm_config_registry": "x"}, nil), nil); err == nil {
		t.Error("a registry variable that is no URL is accepted")
	}
}

// FuzzNpmrc holds that no file makes a line of its own in the secret.
func FuzzNpmrc(f *testing.F) {
	f.Add("registry=https://a.example/\n//a.example/:_authToken=${X}\n@s:registry=https://b.example")
	f.Add("//a b/:_authToken=x\n//:_auth=\x00")
	f.Fuzz(func(t *testing.T, rc string) {
		c, err := sources.Load(host(nil, map[string]string{"/project/.npmrc": rc}), nil)
		if err != nil {
			return
		}
		for _, line := range strings.Split(strings.TrimSuffix(string(c.Encode()), "\n"), "\n") {
			words := strings.Fields(line)
			switch {
			case len(words) == 2 && words[0] == "npm":
			case len(words) == 3 && words[0] == "mirror":
			case len(words) >= 4 && words[0] == "header" && words[2] == "Authorization:":
			default:
				t.Errorf("line %q", line)
			}
		}
	})
}
