package podman_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/exec/podman"
)

// The test binary run again takes two parts: a program that builds and can be
// killed, and podman itself.
const (
	childVariable = "TEROK_TEST_CHILD"
	stubVariable  = "TEROK_TEST_STUB"
)

// child is what a building child is told.
type child struct {
	Options podman.Options
	Request exec.Request
}

// childMain builds and prints each log line.
func childMain() int {
	var c child
	if err := json.Unmarshal([]byte(os.Getenv(childVariable)), &c); err != nil {
		fmt.Println(err)
		return 1
	}
	_, err := podman.New(c.Options).Build(context.Background(), c.Request, exec.SinkFunc(func(e exec.Event) {
		if e.Kind == exec.Log {
			fmt.Println(e.Text)
		}
	}))
	fmt.Println(err)
	return 0
}

const stubImage = "958e511f946ad2e73974bee5da5cf0f76229a90fe79e99f61d5f0bca69d47ece"

// stubMain is a podman that does what the variable says.
func stubMain() int {
	mode, args := os.Getenv(stubVariable), os.Args[1:]
	switch {
	case args[0] == "version" && mode == "garbage-version":
		fmt.Println("not JSON")
	case args[0] == "version":
		fmt.Println(`{"Client":{"Version":"4.3.1"}}`)
	case args[0] == "build":
		return stubBuild(mode, args)
	case args[0] == "image":
		stubInspect(mode, args)
	}
	return 0
}

func stubBuild(mode string, args []string) int {
	fmt.Println("STEP 1/1: FROM scratch")
	switch mode {
	case "exit-125":
		fmt.Fprintln(os.Stderr, "Error: something odd")
		return 125
	case "silent-1":
		return 1
	case "exit-137":
		return 137
	case "no-iid":
		return 0
	}
	id := "sha256:" + stubImage
	if mode == "short-iid" {
		id = "sha256:958e"
	}
	for i, a := range args {
		if a == "--iidfile" {
			if err := os.WriteFile(args[i+1], []byte(id), 0o600); err != nil {
				return 1
			}
		}
	}
	return 0
}

// stubInspect shows the image, with the labels of request, or fewer.
func stubInspect(mode string, args []string) {
	labels := `"ai.terok.node":"demo","ai.terok.key":"sha256:0","ai.terok.record":"none"`
	id := args[len(args)-1]
	switch mode {
	case "label-missing":
		labels = `"ai.terok.node":"demo","ai.terok.record":"none"`
	case "label-cut":
		labels = strings.Replace(labels, "sha256:0", "sha256:", 1)
	case "garbage-inspect":
		labels = `"`
	case "other-image":
		id = strings.Repeat("0", 64)
	}
	fmt.Printf(`[{"Id":%q,"Digest":"sha256:1","Labels":{%s},"RootFS":{"Layers":["a"]}}]`, id, labels)
}
