package plan

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/terok-ai/terok-agent/pkg/graph"
)

// Policy is what the user asks for beyond "make it current".
type Policy struct {
	// Targets are the nodes wanted; empty means those nobody else reads.
	Targets []graph.ID
	// Refresh are the layers to make again although nothing changed, each with
	// the reason to show.
	Refresh map[graph.ID]Code
	// Salt is the salt for refreshed layers; not empty when Refresh is not.
	Salt string
	// MaxAge is how old a layer's image may be at Now; absent means any age.
	MaxAge map[graph.ID]time.Duration
	Now    time.Time
	// Offered are images of a registry, each with its reference as its only
	// name: a layer whose key one of them has is pulled instead of built.
	Offered graph.Snapshot
	// Recall finds the ingredients that records had to fold; nil finds none.
	Recall Recall
	// Executor and Store are named in the plan.
	Executor, Store string
	Platform        string
}

// ErrUnknownNode is returned for a target or a refreshed node that is not in
// the graph.
var ErrUnknownNode = errors.New("no such node")

// Make plans g against what the store holds.
func Make(g *graph.Graph, snap graph.Snapshot, p Policy) (*Plan, error) {
	if err := checkPolicy(g, p); err != nil {
		return nil, err
	}
	m := &maker{g: g, snap: snap, policy: p}
	m.steps = make([]Step, len(g.Nodes()))
	m.records = make([]*memory, len(m.steps))
	m.own = make([]bool, len(m.steps))
	m.seen = make([]int, len(m.steps))
	for i := range m.steps {
		m.judge(i)
	}
	targets := p.Targets
	if len(targets) == 0 {
		targets = leaves(g)
	}
	m.demand(targets)
	m.dropUnneeded()
	m.judgeStages()
	return &Plan{
		Platform: p.Platform, Store: p.Store, Executor: p.Executor, Targets: targets, Steps: m.steps,
		recall: p.Recall,
	}, nil
}

func checkPolicy(g *graph.Graph, p Policy) error {
	for _, id := range p.Targets {
		if _, ok := g.Lookup(id); !ok {
			return fmt.Errorf("planning %q: %w", id, ErrUnknownNode)
		}
	}
	for id := range p.Refresh {
		if n, ok := g.Lookup(id); !ok || n.Kind != graph.KindLayer {
			return fmt.Errorf("refreshing %q: %w", id, ErrUnknownNode)
		}
	}
	if len(p.Refresh) > 0 && p.Salt == "" {
		return errors.New("refreshing needs a salt")
	}
	return nil
}

// leaves are the layers that no other node reads.
func leaves(g *graph.Graph) []graph.ID {
	read := make([]bool, len(g.Nodes()))
	for i := range read {
		for _, j := range g.InputsAt(i) {
			read[j] = true
		}
	}
	var out []graph.ID
	for i := range read {
		if n := &g.Nodes()[i]; n.Kind == graph.KindLayer && !read[i] {
			out = append(out, n.ID)
		}
	}
	return out
}

type maker struct {
	g       *graph.Graph
	snap    graph.Snapshot
	policy  Policy
	steps   []Step
	records []*memory // what the image now there remembers, by node
	own     []bool    // layers that must be made here, by node
	needed  []bool
	// seen is in which turn each node was last looked at by rebuiltInputs, which
	// looks at each of a layer's inputs once.
	seen []int
	turn int
}

// node is a node with its place in the graph, in steps and beside them.
type node struct {
	*graph.Node
	at int
}

func (m *maker) node(i int) node { return node{&m.g.Nodes()[i], i} }

// judge gives a node the verdict that follows from its own key and the store
// alone; what its inputs will become is added by demand.
func (m *maker) judge(i int) {
	n := m.node(i)
	s := &m.steps[i]
	*s = Step{
		Node: n.ID, Kind: n.Kind, Layer: n.Layer, Ref: n.Ref, Digest: n.Digest, Version: n.Version,
		Unchecked: n.Unchecked, Unpinned: n.Unpinned, Tags: n.Tags, Inputs: n.Inputs,
		Key: m.g.KeysAt(i).Image, Action: UpToDate,
	}
	switch n.Kind {
	case graph.KindBase:
		m.judgeBase(n, s)
	case graph.KindStage:
		// judged with its layer, by judgeStages
	case graph.KindLayer:
		m.judgeLayer(n, s)
		m.own[i] = s.Action == Build && (s.Salt != "" || m.standsOnOwn(n))
	}
}

func (m *maker) judgeBase(n node, s *Step) {
	if _, ok := m.snap.ByID(n.Digest); ok {
		s.Found = n.Digest
		return
	}
	s.Action = Pull
	s.Reasons = []Reason{{Code: NoImage, Subject: n.Ref, To: n.Digest}}
}

func (m *maker) judgeLayer(n node, s *Step) {
	now := m.lookNow(n.Node)
	m.records[n.at] = now.record
	if now.image.ID != "" {
		s.Replaces = now.image.ID
	}
	if now.record != nil {
		s.Salt = now.record.Salt
	}
	if code, ok := m.policy.Refresh[n.ID]; ok {
		s.Action, s.Salt = Build, m.policy.Salt
		s.Reasons = append(s.Reasons, Reason{Code: code, Subject: string(n.ID)})
	}
	reasons := m.whyNot(n, now, s)
	if age, ok := m.policy.MaxAge[n.ID]; ok && len(reasons) == 0 && m.policy.Now.Sub(now.image.Created) > age {
		reasons = append(reasons, Reason{
			Code: Expired, Subject: string(n.ID),
			From: now.image.Created.UTC().Format(time.RFC3339), To: age.String(),
		})
		s.Action, s.Salt = Build, m.policy.Salt
	}
	if len(reasons) == 0 {
		if s.Action == UpToDate {
			s.Found = now.image.ID
		}
		return
	}
	s.Reasons = append(s.Reasons, reasons...)
	if s.Action == Build {
		return
	}
	s.Action = Build
	if img, rec, ok := m.byKey(n, m.snap); ok {
		s.Action, s.Found, s.Salt = Retag, img.ID, rec.Salt
		if now.record == nil && now.foreign == nil { // it only has no name
			s.Reasons = missingTags(now)
		}
		m.records[n.at] = rec
		return
	}
	m.considerOffer(n, s)
}

// whyNot returns why the image now there is not the one wanted; nothing when
// it is.
func (m *maker) whyNot(n node, now found, s *Step) []Reason {
	switch {
	case now.foreign != nil:
		return []Reason{*now.foreign}
	case now.record == nil:
		return []Reason{{Code: NoImage, Subject: firstOf(n.Tags)}}
	}
	var reasons []Reason
	if now.record.Platform != n.Platform {
		reasons = append(reasons, Reason{Code: PlatformChanged, Subject: string(n.ID), From: now.record.Platform, To: n.Platform})
	}
	if now.record.Keys.Image != s.Key {
		if err := now.record.read(); err != nil {
			return []Reason{{Code: RecordUnreadable, Subject: firstOf(n.Tags), From: short(now.image.ID)}}
		}
		d := m.layerDiff(n, &now.record.Record)
		s.Changed = d.changed
		reasons = append(reasons, d.reasons...)
		if len(reasons) == 0 {
			reasons = append(reasons, otherOrder(now.record.Keys.Image, s.Key))
		}
		return reasons
	}
	return append(reasons, missingTags(now)...)
}

func missingTags(now found) (reasons []Reason) {
	for _, tag := range now.missing {
		reasons = append(reasons, Reason{Code: TagMissing, Subject: tag})
	}
	return reasons
}

// found is the image that a layer's names lead to now.
type found struct {
	image   graph.Image
	record  *memory
	foreign *Reason
	// missing are the layer's names that lead elsewhere or nowhere.
	missing []string
}

// lookNow finds the image to compare with: the one under the layer's first
// name; else, for a layer whose name carries its version, the newest image of
// the same node.
func (m *maker) lookNow(n *graph.Node) found {
	var f found
	for _, tag := range n.Tags {
		img, ok := m.snap.ByName(FullName(tag))
		if !ok {
			f.missing = append(f.missing, tag)
			continue
		}
		if f.image.ID != "" {
			if img.ID != f.image.ID {
				f.missing = append(f.missing, tag)
			}
			continue
		}
		f.image = img
		f.record, f.foreign = m.remember(n.ID, tag, img)
	}
	if f.image.ID != "" {
		return f
	}
	if n.Version != "" {
		for _, img := range Originals(m.snap.ByNode(n.ID)) {
			if rec, foreign := m.remember(n.ID, "", img); foreign == nil && rec.Platform == n.Platform {
				f.image, f.record = img, rec
				break
			}
		}
	}
	return f
}

// byKey finds an image of this node with the wanted key and readable record
// whose inputs are what they are now.
func (m *maker) byKey(n node, where graph.Snapshot) (graph.Image, *memory, bool) {
	for _, img := range Originals(where.ByKey(m.g.KeysAt(n.at).Image)) {
		rec, foreign := m.remember(n.ID, "", img)
		if foreign == nil && rec.Platform == n.Platform && len(m.rebuiltInputs(n, rec)) == 0 {
			return img, rec, true
		}
	}
	return graph.Image{}, nil, false
}

// Originals drops from images, newest first, those that were made from another
// of them and only inherited its labels: an image whose parent is among them,
// and, where a store knows no parents, all but the oldest of those with the same
// record of the same moment.
func Originals(list []graph.Image) []graph.Image {
	known := make(map[string]bool, len(list))
	for _, img := range list {
		known[img.ID] = true
	}
	birth := func(img graph.Image) string { return img.Labels[labelCreated] + " " + img.Labels[graph.LabelRecord] }
	oldest := make(map[string]string, len(list))
	for _, img := range list {
		if !known[img.Parent] {
			oldest[birth(img)] = img.ID // the last one is the oldest
		}
	}
	var out []graph.Image
	for _, img := range list {
		if !known[img.Parent] && oldest[birth(img)] == img.ID {
			out = append(out, img)
		}
	}
	return out
}

const labelCreated = "org.opencontainers.image.created"

// FullName returns a tag as stores show it: names without a registry are
// local.
func FullName(tag string) string {
	host, _, slash := strings.Cut(tag, "/")
	if slash && (host == "localhost" || strings.ContainsAny(host, ".:")) {
		return tag
	}
	return "localhost/" + tag
}

func firstOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
