package buildkit

import (
	"context"
	"strings"
	"time"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// ownRegistry is a Target that the daemon itself reads from and writes to. A
// daemon waits for a registry without limit, so we ask the same of it as the
// daemon does, and end the build when we get no answer either. A registry that
// is only slow answers us, and its pushes may take hours.
type ownRegistry interface {
	// pushable begins an upload to where the layer's image goes.
	pushable(ctx context.Context, r exec.Request) error
	// readable reads of each parent.
	readable(ctx context.Context, r exec.Request) error
	// patience is how long the daemon may be at it before we ask.
	patience() time.Duration
}

// transfer is what an operation has to do with registries.
type transfer int

const (
	noTransfer transfer = iota
	pull
	push
)

// transferOf goes by the names that BuildKit gives to operations.
func transferOf(name string) transfer {
	switch {
	case strings.HasPrefix(name, "exporting to image"):
		return push
	case strings.HasPrefix(name, "load metadata for "), strings.HasPrefix(name, "[context "):
		return pull
	}
	return noTransfer
}

// guard asks now and then, until ctx ends, and calls stop with the reason when
// the registry is stuck.
func (b *build) guard(ctx context.Context, stop context.CancelCauseFunc) {
	target, ok := b.x.o.Target.(ownRegistry)
	if !ok {
		return
	}
	tick := time.NewTicker(target.patience())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var err error
		if b.watch.under(push) {
			err = target.pushable(ctx, b.r)
		} else if b.watch.under(pull) {
			err = target.readable(ctx, b.r)
		}
		if store.Unanswered(err) && ctx.Err() == nil {
			e := sorted(err)
			e.Message = "the BuildKit daemon waits for a registry that is stuck: " + e.Message
			e.Hint = "see whether the registry is up and takes images, then run apply again"
			stop(e)
			return
		}
	}
}

// under says whether such a transfer is under way.
func (w *watcher) under(t transfer) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, v := range w.seen {
		if v.transfer == t && v.running {
			return true
		}
	}
	return false
}
