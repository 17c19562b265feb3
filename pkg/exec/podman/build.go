package podman

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/terok-ai/terok-agent/pkg/exec"
	"github.com/terok-ai/terok-agent/pkg/layers/dockerfile"
)

// build is one Build under way.
type build struct {
	x    *Executor
	r    exec.Request
	sink exec.Sink
	dir  *runDir
	recipe
}

// Build builds one layer, untagged. The result is checked, not believed: the
// image ID is fresh, the labels are in it, the steps that had to run did run.
// Failures are *exec.Error.
func (x *Executor) Build(ctx context.Context, r exec.Request, sink exec.Sink) (exec.Result, error) {
	b := &build{x: x, r: r, sink: sink}
	res, err := b.run(ctx)
	if err != nil {
		return exec.Result{}, b.finishError(ctx, err)
	}
	return res, nil
}

func (b *build) run(ctx context.Context) (res exec.Result, err error) {
	v, err := b.x.podmanVersion(ctx)
	if err != nil {
		return res, err
	}
	if b.recipe, err = readRecipe(b.r, v); err != nil {
		return res, err
	}
	if b.dir, err = newRunDir(b.x.o.TempDir, b.x.runPrefix()); err != nil {
		return res, local(err)
	}
	b.x.enter()
	defer func() {
		if gone := b.x.leave(ctx, b.dir, wasCutOff(ctx, err)); gone != nil {
			b.note("a temporary directory could not be removed: " + gone.Error())
		}
	}()
	b.dir.remember(b.parentIDs()...)
	p, err := b.prepare()
	if err != nil {
		return res, err
	}
	if p.noCache = b.seesThroughMounts(v); p.noCache {
		b.note(fmt.Sprintf("podman %s does not notice changes behind bind mounts: building %s without cache", v, b.r.Node))
	}
	return b.proven(ctx, p)
}

// proven builds, and once more without cache when the builder's own cache gave
// the old image although steps of it had to change.
//
// A salt needs no such proof: it is in the text of the RUN steps' history, so
// an answer from cache is one that was made with this salt. COPY steps may be
// answered from cache whatever the salt, because their content decides.
func (b *build) proven(ctx context.Context, p buildPlan) (exec.Result, error) {
	res, a, err := b.attempt(ctx, p)
	if err != nil {
		return exec.Result{}, err
	}
	got, err := b.verify(ctx, res.Image)
	if err != nil {
		return exec.Result{}, err
	}
	res.Manifest = got.Digest
	if p.noCache || !a.doubtful(b.r.MustRun) || !b.x.sameLayers(ctx, got, b.r.Replaces) {
		return res, nil
	}
	b.note(fmt.Sprintf("podman answered a changed step of %s from its cache: building without cache", b.r.Node))
	p.noCache = true
	return b.proven(ctx, p)
}

// prepare writes the files of the build.
func (b *build) prepare() (buildPlan, error) {
	p := buildPlan{
		dockerfile: b.dir.file("Dockerfile"), iidFile: b.dir.file("iid"),
		args: b.args, jobs: b.x.o.Jobs,
	}
	if err := os.WriteFile(p.dockerfile, b.text.Dockerfile, 0o600); err != nil {
		return p, local(err)
	}
	var err error
	if p.context, err = contextDir(b.r.Recipe, b.dir); err != nil {
		return p, local(err)
	}
	if p.ignoreFile, err = b.ignoreFile(p.context); err != nil {
		return p, local(err)
	}
	if p.secrets, err = b.neededSecrets(); err != nil {
		return p, err
	}
	p.secretEnv, err = b.neededVariables()
	return p, err
}

// ignoreFile is the file that says what of the context podman does not see, or
// "" to leave that to podman. The Dockerfile that podman reads lies elsewhere
// than the one that a .dockerignore of its own belongs to.
func (b *build) ignoreFile(dir string) (string, error) {
	if b.r.Recipe.Exclude != nil {
		name := b.dir.file("ignore")
		return name, os.WriteFile(name, []byte(strings.Join(b.r.Recipe.Exclude, "\n")+"\n"), 0o600)
	}
	own := filepath.Join(dir, filepath.FromSlash(b.r.Recipe.Name)+".dockerignore")
	if info, err := os.Stat(own); err == nil && info.Mode().IsRegular() {
		return own, nil
	}
	return "", nil
}

// neededSecrets are the files of the secrets that the recipe mentions.
func (b *build) neededSecrets() (map[string]string, error) {
	out := map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(b.r.Options.Secrets)) {
		if !b.mentions(id) {
			continue
		}
		file, err := filepath.Abs(b.r.Options.Secrets[id])
		if err == nil {
			_, err = os.Stat(file)
		}
		if err == nil && strings.Contains(file, ",") {
			err = errors.New("podman takes no file name with a comma for a secret")
		}
		if err != nil {
			return nil, failed(exec.ClassSecret, fmt.Errorf("secret %q: %w", id, err))
		}
		out[id] = file
	}
	return out, nil
}

// neededVariables are the variables of the secrets that the recipe mentions.
func (b *build) neededVariables() (map[string]string, error) {
	out := map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(b.r.Options.SecretEnv)) {
		if !b.mentions(id) {
			continue
		}
		variable := b.r.Options.SecretEnv[id]
		if _, ok := os.LookupEnv(variable); !ok {
			return nil, failed(exec.ClassSecret, fmt.Errorf("secret %q: the variable %s is not set", id, variable))
		}
		out[id] = variable
	}
	return out, nil
}

func (b *build) mentions(id string) bool {
	return strings.Contains(string(b.r.Recipe.Dockerfile), id) || slices.Contains(b.r.Recipe.Secrets, id)
}

// attempt runs podman once.
func (b *build) attempt(ctx context.Context, p buildPlan) (exec.Result, *attempt, error) {
	// A file of an earlier attempt would be left as it is by a failed one.
	if err := os.Remove(p.iidFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return exec.Result{}, nil, local(err)
	}
	a := newAttempt(b)
	r := b.r
	r.Parents = otherThanStages(b.file, r.Parents)
	end := b.x.watched(ctx, b.dir, argv(r, p), a.read)
	if end.code == 0 {
		a.release() // podman had nothing to complain about
	}
	id, err := a.outcome(ctx, end, p.iidFile)
	if err != nil {
		return exec.Result{}, nil, err
	}
	return exec.Result{Image: id, Steps: a.shown, Cached: a.cached}, a, nil
}

func (b *build) parentIDs() []string {
	var ids []string
	for _, p := range b.r.Parents {
		ids = append(ids, bareID(p.Image))
	}
	return ids
}

func (b *build) note(text string) {
	b.sink.Event(exec.Event{Kind: exec.Note, Node: b.r.Node, Text: text})
}

// recipe is what was read from the request's Dockerfile.
type recipe struct {
	file  *dockerfile.File
	facts *dockerfile.Facts
	text  dockerfile.Instrumented
	args  map[string]string
}
