// Command terok-agent plans and builds the layered container images that AI
// coding agents run in.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
)

// version is set at link time.
var version = ""

func main() {
	// Libraries below BuildKit's client log by themselves; what matters in it
	// comes back as an error too.
	log.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}
