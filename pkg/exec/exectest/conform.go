package exectest

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/graph"
	"github.com/terok-ai/terok-agent/pkg/graph/plan"
)

// Subject is an executor with a store, as the suite sees it.
type Subject struct {
	Executor exec.Executor
	// Base is the ID of an image in the store that has a busybox, a user "dev",
	// and GREETING=conform in its environment.
	Base string
	// Options hold for every build.
	Options exec.BuildOptions
	// Look is a look at the store that shows images without a name too. A store
	// that is asked name by name is asked for these.
	Look func(t testing.TB, names ...string) graph.Snapshot
	// Image reads an image by its ID.
	Image func(t testing.TB, id string) v1.Image
	// Idle fails the test when a build that ended left something; nil has
	// nothing to look at beside processes.
	Idle func(t testing.TB)
}

// Conform makes sure that an executor does what pkg/exec promises of all of
// them, so that a plan need not know which one carries it out.
func Conform(t *testing.T, s Subject) {
	for _, rule := range []struct {
		name  string
		holds func(*testing.T, Subject)
	}{
		{"steps are told with their lines", stepsAreTold},
		{"parents are linked by digest", parentsByDigest},
		{"a record comes back whole and stays where it belongs", recordsComeBack},
		{"arguments reach steps and matter", argumentsMatter},
		{"a salt runs the steps again", saltsCount},
		{"secrets leave no trace", secretsLeaveNoTrace},
		{"the context is what the ignore file leaves of it", contextIsRead},
		{"a failed step says where and why", failedStepIsTold},
		{"failures have a class and a line", failuresHaveClasses},
		{"names move at once", namesMove},
		{"a cancelled build leaves nothing", cancelLeavesNothing},
	} {
		t.Run(rule.name, func(t *testing.T) { rule.holds(t, s) })
	}
}

// layer is a request with the subject's options.
func (s Subject) layer(r exec.Request) exec.Request {
	r.Options = s.Options
	return r
}

// imageOf finds an image by ID in a look at the store.
func imageOf(t testing.TB, snap graph.Snapshot, id string) graph.Image {
	t.Helper()
	img, ok := snap.ByID(id)
	if !ok {
		t.Fatalf("image %.19s is not in the store", id)
	}
	return img
}

// holder is the ID of the image that has a name, "" when none has.
func holder(snap graph.Snapshot, name string) string {
	img, _ := snap.ByName(plan.FullName(name))
	return img.ID
}

// ours counts the images of layers in the store.
func (s Subject) ours(t testing.TB) int {
	t.Helper()
	return len(s.Look(t).ByNode("demo"))
}

// fresh is a salt that no build had before.
func fresh(t testing.TB) string {
	t.Helper()
	return strings.TrimPrefix(graph.DigestOf(t.TempDir()), "sha256:")[:16]
}
