package extract

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"featstore/extract/internal/engine"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/modelfile"
	"featstore/extract/internal/op"
	"featstore/extract/internal/passes"
	"featstore/extract/internal/tensor"
	"featstore/extract/photo"
)

// An Inspection is all that is known of a model without running it. Fields that could
// not be determined are empty, and Problem says why.
type Inspection struct {
	Path     string            `json:"path"`
	Name     string            `json:"name"`
	SHA256   string            `json:"sha256"`
	Bytes    int               `json:"bytes"`
	Weights  []Weights         `json:"weights,omitempty"` // files beside the model
	Producer string            `json:"producer"`
	Opsets   map[string]int64  `json:"opsets"`
	Metadata map[string]string `json:"metadata,omitempty"`

	Inputs    []Port          `json:"inputs"`
	Outputs   []Port          `json:"outputs"`
	Nodes     int             `json:"nodes"`
	Operators []OperatorCount `json:"operators"` // the most frequent first

	Layout   string `json:"layout,omitempty"` // of the photos' input
	Width    int    `json:"width,omitempty"`
	Height   int    `json:"height,omitempty"`
	SizeFrom string `json:"size_from,omitempty"`

	Precision string `json:"precision,omitempty"` // PrecisionFloat or Precision8Bit

	Tap        string `json:"tap,omitempty"`
	TapWhy     string `json:"tap_why,omitempty"`
	Pool       string `json:"pool,omitempty"`
	TapShape   []int  `json:"tap_shape,omitempty"` // for one photo, before pooling
	Candidates []Port `json:"candidates"`          // other tensors to take, the last of the network first

	Preprocess     *photo.Preprocess `json:"preprocess,omitempty"`
	PreprocessText string            `json:"preprocess_text,omitempty"` // the same in words
	PreprocessFrom string            `json:"preprocess_from,omitempty"`
	Likely         []Suggestion      `json:"likely,omitempty"` // presets to choose from, where no source says it

	Plan *Plan  `json:"plan,omitempty"`
	ID   string `json:"id,omitempty"` // under which a store would record the model

	Cuts          []CutLine `json:"cuts,omitempty"` // see ListCuts
	TrainableFrom string    `json:"trainable_from,omitempty"`
	Untrainable   string    `json:"untrainable,omitempty"` // why not from the input on

	Unsupported []Unsupported `json:"unsupported"`
	Problem     string        `json:"problem,omitempty"` // why it cannot be used like this
	Err         error         `json:"-"`                 // the same

	network *Network // as compiled for the plan; nil without one
}

// A Port is a tensor with its shape for one photo. Dimensions that depend on something
// unknown are symbols, or "?".
type Port struct {
	Name string   `json:"name"`
	Type string   `json:"type,omitempty"`
	Dims []string `json:"dims"`
	From string   `json:"from,omitempty"` // the node that computes it
}

// An OperatorCount says how many nodes of an operator a model has.
type OperatorCount struct {
	Operator string `json:"operator"`
	Nodes    int    `json:"nodes"`
}

// A Plan says what it costs to run a network up to its tap.
type Plan struct {
	Width       int      `json:"width"` // of the photos that the figures are for
	Height      int      `json:"height"`
	Features    int      `json:"features"`     // floats of a bottleneck
	Parameters  int      `json:"parameters"`   // after all folding
	MACs        int64    `json:"macs"`         // multiplications of one photo, with an addition each
	WeightBytes int      `json:"weight_bytes"` // held once
	ArenaBytes  int      `json:"arena_bytes"`  // of activations, held by each extractor
	WorkerBytes int      `json:"hand_bytes"`   // held by each core that works for an extractor
	Steps       int      `json:"steps"`
	Kernels     string   `json:"kernels"`
	Slow        []string `json:"slow,omitempty"` // nodes without a fast kernel
	Exact       bool     `json:"exact"`          // the same bits on every machine, as networks of 8-bit numbers have them

	Lines []PlanLine `json:"lines,omitempty"` // a line a step, see Inspection.ListSteps
}

// Unsupported is a node that cannot be computed.
type Unsupported struct {
	Node     string `json:"node"`
	Operator string `json:"operator"`
	Beyond   bool   `json:"beyond"` // the bottleneck does not need it: it does no harm
}

// usualSize is the size that figures are for when a model takes any size and no source
// says one.
const usualSize = 224

// Inspect describes the model, when used as requested.
func (m *ModelFile) Inspect(request Manifest) *Inspection {
	f, g := m.file, m.file.Graph
	r := &Inspection{Path: f.Path, SHA256: f.SHA256, Bytes: f.Bytes, Weights: f.Weights, Producer: g.Producer,
		Opsets: g.Opsets, Metadata: g.Metadata, Nodes: len(g.Nodes), Operators: operators(g)}
	for _, in := range g.Inputs {
		r.Inputs = append(r.Inputs, Port{Name: in.Name, Type: in.DType.String(), Dims: modelfile.DimWords(in.Dims)})
	}
	d, err := f.Decide(request)
	r.Name, r.Tap, r.TapWhy, r.Pool, r.Layout = d.Name, d.Tap, d.TapWhy, d.Pool, d.Input.Layout
	if err == nil {
		err = d.Prepare()
		r.prepared(d, err)
	}
	r.shapes(m, d)
	r.unsupported(g, d)
	if e := r.plan(m, d); e != nil && (err == nil || errors.Is(e, op.ErrUnsupported)) {
		err = e // what cannot be computed matters more than what is not said
		r.unsupportedForm(e)
	}
	if err != nil {
		r.Problem, r.Err = err.Error(), err
	}
	return r
}

func (r *Inspection) prepared(d *modelfile.Decision, err error) {
	r.SizeFrom = d.SizeFrom
	if r.SizeFrom != "" {
		r.Width, r.Height, _ = d.Size()
	}
	var unsaid *PreprocessError
	switch {
	case err == nil:
		r.Preprocess, r.PreprocessText, r.PreprocessFrom = &d.Preprocess, d.Preprocess.String(), d.From
	case errors.As(err, &unsaid):
		r.Likely = unsaid.Likely
	default:
		r.Likely = d.Suggest()
	}
}

// size returns the size that figures are for.
func (r *Inspection) size(d *modelfile.Decision) (width, height int) {
	if r.Width != 0 {
		return r.Width, r.Height
	}
	width, height = d.Input.Fixed()
	return cmp.Or(width, usualSize), cmp.Or(height, usualSize)
}

// plan compiles the network up to the tap.
func (r *Inspection) plan(m *ModelFile, d *modelfile.Decision) error {
	if d.Input.Layout == "" {
		return nil // there is no tap or no input
	}
	w, h := r.size(d)
	c := *d
	c.Preprocess.Width, c.Preprocess.Height = w, h
	n, err := m.decided(&c)
	if err != nil {
		return err
	}
	p, err := n.Plan()
	if err != nil {
		return err
	}
	r.Plan = &p
	r.network, r.Precision = n, n.info.Precision
	if r.Preprocess != nil {
		r.ID = n.info.ID
	}
	return nil
}

// Plan says what it costs to run the network. The first call reads the network if that
// has not been done yet.
func (n *Network) Plan() (Plan, error) {
	p, err := n.compiled()
	if err != nil {
		return Plan{}, err
	}
	s := p.Stats()
	return Plan{Width: n.info.Preprocess.Width, Height: n.info.Preprocess.Height, Features: p.Dim(), Parameters: s.Params, MACs: s.MACs,
		WeightBytes: s.WeightBytes, ArenaBytes: s.ArenaBytes, WorkerBytes: s.WorkerBytes, Steps: s.Steps, Kernels: s.Kernels, Slow: s.References, Exact: s.Exact}, nil
}

// shapes infers the shapes of all tensors, as far as they can be known.
func (r *Inspection) shapes(m *ModelFile, d *modelfile.Decision) {
	g := m.file.Graph
	feeds := map[string]*tensor.Tensor{}
	for _, in := range g.Inputs {
		if d.Input.Layout != "" && in.Name == d.Input.Name {
			w, h := r.size(d)
			feeds[in.Name] = tensor.Abstract(in.DType, d.Input.Shape(w, h)...)
		}
	}
	share := float64(m.arena) / float64(engine.DefaultArena)
	known, _ := passes.FoldLimits(g, share).Interpret(g, feeds) // compiling reports what fails
	from := map[string]string{}
	for _, n := range g.Nodes {
		for _, o := range n.Outputs {
			from[o] = n.Label()
		}
	}
	port := func(name string) Port {
		p := Port{Name: name, Dims: []string{"?"}, From: from[name]}
		if t := known[name]; t != nil {
			p.Type, p.Dims = t.DType.String(), []string{}
			for _, n := range t.Shape {
				p.Dims = append(p.Dims, modelfile.DimWords([]graph.Dim{{Size: n}})...)
			}
		}
		return p
	}
	for _, o := range g.Outputs {
		r.Outputs = append(r.Outputs, port(o.Name))
	}
	r.Candidates = []Port{}
	for _, c := range d.Candidates {
		if c != d.Tap {
			r.Candidates = append(r.Candidates, port(c))
		}
	}
	if t := known[d.Tap]; t != nil {
		r.TapShape = t.Shape
	}
}

// unsupported lists the nodes that cannot be computed, those that matter first.
func (r *Inspection) unsupported(g *graph.Graph, d *modelfile.Decision) {
	needed := map[*graph.Node]bool{}
	if d.Graph != nil {
		for _, n := range d.Graph.Nodes {
			needed[n] = true
		}
	}
	r.Unsupported = []Unsupported{}
	for _, n := range g.Nodes {
		if n.Op == "If" || op.Supported(n) {
			continue
		}
		r.Unsupported = append(r.Unsupported, Unsupported{Node: n.Label(), Operator: operatorName(n), Beyond: d.Graph != nil && !needed[n]})
	}
	slices.SortStableFunc(r.Unsupported, func(a, b Unsupported) int {
		switch {
		case a.Beyond == b.Beyond:
			return 0
		case a.Beyond:
			return 1
		}
		return -1
	})
}

// unsupportedForm lists the node that compiling failed at: its operator is known, but not
// in this form.
func (r *Inspection) unsupportedForm(err error) {
	var at *op.NodeError
	if !errors.Is(err, op.ErrUnsupported) || !errors.As(err, &at) {
		return
	}
	u := Unsupported{Node: at.Node.Label(), Operator: operatorName(at.Node)}
	if !slices.Contains(r.Unsupported, u) {
		r.Unsupported = append([]Unsupported{u}, r.Unsupported...)
	}
}

func operatorName(n *graph.Node) string {
	if n.Domain == "" {
		return n.Op
	}
	return n.Domain + "." + n.Op
}

// operators counts the operators of a graph, those of inner graphs included.
func operators(g *graph.Graph) []OperatorCount {
	counts := map[string]int{}
	countOperators(g, counts)
	list := make([]OperatorCount, 0, len(counts))
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, OperatorCount{name, counts[name]})
	}
	slices.SortStableFunc(list, func(a, b OperatorCount) int { return b.Nodes - a.Nodes })
	return list
}

func countOperators(g *graph.Graph, counts map[string]int) {
	for _, n := range g.Nodes {
		counts[operatorName(n)]++
		for _, a := range n.Attrs {
			if inner, ok := a.(*graph.Graph); ok {
				countOperators(inner, counts)
			}
		}
	}
}

// Manifest returns a manifest with everything that is decided about the model, to be
// written beside it. It fails if the preparation of photos is not known.
func (r *Inspection) Manifest() (Manifest, error) {
	if r.Preprocess == nil || r.Plan == nil {
		return Manifest{}, r.Err
	}
	file := r.Path[strings.LastIndexAny(r.Path, `/\`)+1:]
	return Manifest{Name: r.Name, File: file, SHA256: r.SHA256, Tap: r.Tap, Pool: r.Pool, Layout: r.Layout, Dim: r.Plan.Features,
		Preprocess: photo.SettingsOf(*r.Preprocess)}, nil
}
