package sources_test

import (
	"strings"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/sources"
)

func TestPipsIndex(t *testing.T) {
	conf := map[string]string{
		"/home/u/.config/pip/pip.conf": "[install]\nindex-url = https://wrong.example/\n[global]\ntimeout = 3\nindex-url = https://user.example/simple\n",
		"/etc/pip.conf":                "[global]\nindex-url=https://etc.example/simple/\n",
		"/x/pip.conf":                  "[global]\nindex-url = ftp://x\n",
	}
	for _, c := range []struct {
		name    string
		env     map[string]string
		mirrors []sources.Mirror
		want    string
	}{
		{"a rule first", map[string]string{"PIP_INDEX_URL": "https://env.example"}, []sources.Mirror{{From: "pypi", To: "https://rule.example"}}, "https://rule.example/"},
		{"the variable", map[string]string{"PIP_INDEX_URL": "https://env.example/simple", "HOME": "/home/u"}, nil, "https://env.example/simple/"},
		{"the user's file", map[string]string{"HOME": "/home/u"}, nil, "https://user.example/simple/"},
		{"the machine's file", map[string]string{"HOME": "/home/v"}, nil, "https://etc.example/simple/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := sources.Load(host(c.env, conf), c.mirrors)
			if err != nil || got.PypiIndex != c.want || !strings.Contains(string(got.Encode()), "pypi "+c.want+"\n") {
				t.Errorf("got %q, %v, want %q, in %q", got.PypiIndex, err, c.want, got.Encode())
			}
		})
	}
	_, err := sources.Load(host(map[string]string{"PIP_CONFIG_FILE": "/x/pip.conf"}, conf), nil)
	if err == nil || !strings.Contains(err.Error(), "/x/pip.conf:2") {
		t.Errorf("got %v", err)
	}
}
