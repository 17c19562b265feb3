package buildkit

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/containerd/log"
	bkclient "github.com/moby/buildkit/client"

	"github.com/terok-ai/terok-agent/pkg/exec"
)

// daemon is one BuildKit daemon that answered.
type daemon struct {
	address string
	client  *bkclient.Client
	// hostNetwork is true for a daemon whose RUN steps are on the network of
	// its machine without asking.
	hostNetwork bool
}

// connect fills x.daemons: the addresses that were asked for, else the usual
// sockets, else a daemon of our own.
func (x *Executor) connect(ctx context.Context) error {
	if given := x.o.given(); len(given) > 0 {
		return x.connectAll(ctx, given)
	}
	// A socket that nobody listens on any more is no reason to give up.
	for _, socket := range x.o.usualSockets() {
		d, err := x.o.dial(ctx, socket)
		if err == nil {
			x.daemons = []*daemon{d}
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
	}
	return x.startOwn(ctx)
}

// connectAll connects to all addresses at the same time; each must answer.
func (x *Executor) connectAll(ctx context.Context, addresses []string) error {
	daemons := make([]*daemon, len(addresses))
	errs := make([]error, len(addresses))
	var all sync.WaitGroup
	for i, text := range addresses {
		all.Go(func() { daemons[i], errs[i] = x.o.dial(ctx, text) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		for _, d := range daemons {
			if d != nil {
				_ = d.client.Close()
			}
		}
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
	}
	x.daemons = daemons
	return nil
}

// dial connects and waits for the daemon's first answer: making a client says
// nothing, it dials later.
func (o Options) dial(ctx context.Context, text string) (*daemon, error) {
	a, err := parseAddress(text, o.TLS)
	if err != nil {
		return nil, err
	}
	c, err := bkclient.New(ctx, a.url, a.options...)
	if err != nil {
		return nil, unreachable(a, err)
	}
	if err := o.probe(ctx, c, a); err != nil {
		_ = c.Close()
		return nil, err
	}
	return &daemon{address: a.url, client: c}, nil
}

// probe asks the daemon who it is and whether it can work.
func (o Options) probe(ctx context.Context, c *bkclient.Client, a address) error {
	bounded, cancel := context.WithTimeout(ctx, o.Deadline)
	defer cancel()
	if _, err := c.Info(bounded); err != nil {
		if ctx.Err() == nil && bounded.Err() != nil {
			err = fmt.Errorf("no answer within %v: %w", o.Deadline, err)
		}
		return unreachable(a, err)
	}
	workers, err := c.ListWorkers(bounded)
	if err != nil {
		return unreachable(a, err)
	}
	if len(workers) == 0 {
		return &exec.Error{
			Class: exec.ClassNoEngine, ExitCode: -1, Message: fmt.Sprintf("the BuildKit daemon at %s has no worker", a.url),
			Hint: "see the daemon's own log",
		}
	}
	return nil
}

var quietOnce sync.Once

// quiet silences what libraries below the client log by themselves, such as
// two builds that wait for each other's blob.
func quiet() { quietOnce.Do(func() { _ = log.SetLevel("fatal") }) }
