package build

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/exec/buildkit"
	"github.com/terok-ai/terok-agent/pkg/exec/podman"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
	"github.com/terok-ai/terok-agent/pkg/layers/store"
)

// ImageState says what an image of ours is good for.
type ImageState string

// The states of an image of ours.
const (
	// ImageCurrent: the plan uses it, or what it uses was built on it.
	ImageCurrent ImageState = "current"
	// ImageNamed: it has a name, for another base, selection or version.
	ImageNamed ImageState = "named"
	// ImageSuperseded: it has no name left and nothing current needs it.
	ImageSuperseded ImageState = "superseded"
	// ImageUnreadable: its record has a format of another version of this
	// program, which may still want it.
	ImageUnreadable ImageState = "unreadable"
)

// OwnImage is an image of ours in a store.
type OwnImage struct {
	graph.Image
	// Node, Key and Version are what its record says.
	Node    graph.ID
	Key     graph.Key
	Version string
	State   ImageState
	// Users are the containers that stand on it.
	Users []string
}

// Stock is what a store holds of ours, by node, newest first.
type Stock struct {
	Store   string
	Images  []OwnImage
	holding store.Holding
}

// keeper is a store that can be tidied.
type keeper interface {
	Holding(context.Context) (store.Holding, error)
	// Discard removes images, by ID, without force: what is in use stays and
	// is an error.
	Discard(context.Context, []graph.Image) error
}

// Images lists what the store holds of ours; what is current follows from the
// spec. Nothing is asked over the network. Errors are *Error.
func Images(ctx context.Context, spec Spec, o Options) (*Stock, error) {
	o.Pull = PullNever
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	s, err := o.stock(ctx, spec)
	return s, wrap(err)
}

func (o Options) stock(ctx context.Context, spec Spec) (*Stock, error) {
	k, err := o.keeper()
	if err != nil {
		return nil, err
	}
	current, err := o.current(ctx, spec)
	if err != nil {
		return nil, err
	}
	h, err := k.Holding(ctx)
	if err != nil {
		return nil, err
	}
	s := &Stock{Store: o.Engine.StoreName(), holding: h}
	isStep := map[string]bool{}
	for _, img := range h.Steps {
		isStep[img.ID] = true
	}
	for _, img := range ours(slices.Concat(h.Images, h.Steps)) {
		if isStep[img.ID] {
			continue
		}
		rec, err := graph.ParseHead(img.Labels)
		own := OwnImage{
			Image: img, Node: graph.ID(img.Labels[graph.LabelNode]), Key: graph.Key(img.Labels[graph.LabelKey]),
			Version: rec.Version, Users: h.Users[img.ID], State: ImageSuperseded,
		}
		switch {
		case err != nil:
			own.State = ImageUnreadable
		case current[img.ID]:
			own.State = ImageCurrent
		case len(img.Names) > 0:
			own.State = ImageNamed
		}
		s.Images = append(s.Images, own)
	}
	sort.SliceStable(s.Images, func(i, j int) bool {
		a, b := &s.Images[i], &s.Images[j]
		if a.Node != b.Node {
			return a.Node < b.Node
		}
		return a.Created.After(b.Created)
	})
	return s, nil
}

func (o Options) keeper() (keeper, error) {
	if e, ok := o.Engine.(interface{ keeper() keeper }); ok {
		if k := e.keeper(); k != nil {
			return k, nil
		}
	}
	return nil, &Error{
		Message: fmt.Sprintf("the store %s cannot be listed and tidied by terok-agent", o.Engine.StoreName()),
		Hint:    "use the store's own means; podman's storage, Docker engines and OCI layouts can", ExitCode: exitUsage,
	}
}

type podmanKeeper struct {
	store.Podman
	*podman.Executor
}

type layoutKeeper struct{ store.Layout }

func (k layoutKeeper) Discard(ctx context.Context, images []graph.Image) error {
	return buildkit.DiscardFromLayout(ctx, k.Dir, images)
}

// ours drops images that only inherited our labels from one of ours.
func ours(images []graph.Image) []graph.Image {
	var out []graph.Image
	byRecord := map[string][]graph.Image{}
	for _, img := range images {
		if r := img.Labels[graph.LabelRecord]; r != "" {
			byRecord[r] = append(byRecord[r], img)
		}
	}
	for _, list := range byRecord {
		sort.SliceStable(list, func(i, j int) bool { return list[i].Created.After(list[j].Created) })
		out = append(out, plan.Originals(list)...)
	}
	return out
}

// current are the images that the plan uses and those that they were built on.
// Without a base there is no plan, and nothing is current.
func (o Options) current(ctx context.Context, spec Spec) (map[string]bool, error) {
	p, err := o.plan(ctx, spec)
	var failed *Error
	if errors.As(err, &failed) && failed.Class == "base-missing" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	var use func(id string)
	use = func(id string) {
		if out[id] {
			return
		}
		out[id] = true
		if img, ok := p.Snapshot.ByID(id); ok {
			if rec, err := graph.ParseHead(img.Labels); err == nil {
				for _, in := range rec.Inputs {
					use(in.Image)
				}
			}
		}
	}
	for _, s := range p.Steps {
		if s.Found != "" {
			use(s.Found)
		}
	}
	return out, nil
}

// Prunable are the images that a prune removes: superseded ones and, with all,
// everything else that the plan does not use. What a container uses stays, and
// what has a name that we did not give it.
func (s *Stock) Prunable(all bool) []OwnImage {
	var out []OwnImage
	for _, img := range s.Images {
		removable := img.State == ImageSuperseded || all && img.State != ImageCurrent && allOurNames(img.Names)
		if removable && len(img.Users) == 0 {
			out = append(out, img)
		}
	}
	return out
}

func allOurNames(names []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return !strings.HasPrefix(n, "localhost/terok-") })
}

// Freed is how many bytes removing images frees.
func (s *Stock) Freed(images []OwnImage) int64 { return s.holding.Freed(idsOf(images)) }

func idsOf(images []OwnImage) []string {
	ids := make([]string, len(images))
	for i := range images {
		ids[i] = images[i].ID
	}
	return ids
}

// Prune removes images that a look found prunable. It looks again under the
// store's lock, and leaves what is not prunable any more. It returns what was
// removed. Errors are *Error.
func Prune(ctx context.Context, spec Spec, o Options, wanted []OwnImage) ([]OwnImage, error) {
	o.Pull = PullNever
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	removed, err := o.prune(ctx, spec, wanted)
	return removed, wrap(err)
}

func (o Options) prune(ctx context.Context, spec Spec, wanted []OwnImage) ([]OwnImage, error) {
	release, err := o.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	now, err := o.stock(ctx, spec)
	if err != nil {
		return nil, err
	}
	k, err := o.keeper()
	if err != nil {
		return nil, err
	}
	var removed []OwnImage
	for _, img := range now.Prunable(true) {
		was := slices.IndexFunc(wanted, func(w OwnImage) bool { return w.ID == img.ID })
		if was < 0 || !slices.Equal(wanted[was].Names, img.Names) {
			continue
		}
		removed = append(removed, img)
	}
	// What stands on others goes first.
	sort.SliceStable(removed, func(i, j int) bool { return removed[i].Created.After(removed[j].Created) })
	list := make([]graph.Image, len(removed))
	for i := range removed {
		list[i] = removed[i].Image
	}
	return removed, k.Discard(ctx, list)
}
