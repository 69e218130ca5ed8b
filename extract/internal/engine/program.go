package engine

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/op"
	"featstore/extract/internal/passes"
	"featstore/extract/internal/tensor"
)

// Options say what to compile.
type Options struct {
	Input []int // the input's shape, in the order of axes that the model declares
	// ChannelsLast: the model takes images as N×H×W×C, not as N×C×H×W. A runner is fed
	// images with the channels last either way.
	ChannelsLast bool
	// OutputChannelsLast: a tap N×C×H×W comes as N×H×W×C.
	OutputChannelsLast bool
	Tap                string // name of the tensor to compute
	Pool               string // for a tap that is a feature map: "avg" (or ""), "max", or "none" to keep all positions
	Kernels            string // name of the kernel set; "" for kernel.Default
	Arena              int64  // most bytes for a runner's activations; 0 for DefaultArena
	Cache              int    // bytes of second-level cache that a runner may count on; 0 for a cautious guess

	afterPass func(pass string, net *net) error // for tests: looks at the net after each pass; nil to do without
}

// DefaultArena is some hundred times what usual networks take.
const DefaultArena int64 = 4 << 30

// defaultCache is how much of the second-level cache a strip may take, in bytes.
const defaultCache = 384 << 10

// A Program is a compiled network. It is immutable and safe for concurrent use.
type Program struct {
	plan  *exec.Plan
	lines []Line // of the steps
	stats Stats

	pooled []int // axes of the tap
}

// Stats describe a program.
type Stats struct {
	Kernels     string   // name of the kernel set
	Params      int      // weights and biases after all folding
	MACs        int64    // multiplications of an image, by the direct method
	WeightBytes int      // packed weights and constants, shared by all runners
	ArenaBytes  int      // activations of one runner
	WorkerBytes int      // what each of its workers takes besides; a runner has one unless it is parallel
	Steps       int      // steps of the plan
	References  []string // nodes that run by the reference operators, slowly
	Exact       bool     // a network of 8-bit numbers that computes the same bits on every machine
}

// Dim returns how many values Run computes.
func (p *Program) Dim() int { return p.plan.Dim }

// PooledAxes returns the axes of the tap's tensor over which its pooling goes; none where
// its values are the result as they are.
func (p *Program) PooledAxes() []int { return p.pooled }

// Stats returns what the program needs and does.
func (p *Program) Stats() Stats { return p.stats }

// Compile makes a program that computes opt.Tap of g for inputs of one shape.
func Compile(g *graph.Graph, opt Options) (*Program, error) {
	return compile(g, opt, (*net).chooseAlgorithms)
}

func compile(g *graph.Graph, opt Options, choose func(*net)) (*Program, error) {
	set, err := setFor(opt.Kernels)
	if err != nil {
		return nil, err
	}
	part, known, err := prepare(g, opt)
	if err != nil {
		return nil, err
	}
	n, err := lower(part, known, opt.Tap)
	if err != nil {
		return nil, err
	}
	exact := false
	err = n.run(opt.afterPass, []compilerPass{
		{"lower", func() error { return n.poolTap(opt.Pool) }},
		{"simplify", inTurn(n.sweep, n.simplify)},
		{"use bytes", func() error {
			if exact = n.quantizes(); exact {
				set = set.Exact()
				n.useBytes()
			}
			return nil
		}},
		{"form blocks", func() error {
			if !exact { // the others sum in an order that depends on the kernels
				n.formBlocks()
				choose(n)
			}
			return nil
		}},
		{"assign orders", inTurn(func() { n.assignOrders(opt.inputOrder(), opt.OutputChannelsLast) }, n.sweep)},
		{"place", inTurn(n.placeAll)},
	})
	if err != nil {
		return nil, err
	}
	p, err := build(n, set, opt)
	if err == nil {
		p.stats.Exact = exact && p.plan.Exact()
		p.pooled = n.pooled
	}
	if err != nil || opt.afterPass == nil {
		return p, err
	}
	return p, opt.afterPass("lay out", n)
}

// prepare brings the part of a graph that the tap needs into the form that is lowered.
func prepare(g *graph.Graph, opt Options) (*graph.Graph, map[string]*tensor.Tensor, error) {
	part, err := passes.Prune(g, opt.Tap)
	if err != nil {
		return nil, nil, err
	}
	part = passes.DecomposeQuantized(passes.CastFP16(part))
	if err := checkInput(part, opt); err != nil {
		return nil, nil, err
	}
	return passes.Standard(part, opt.Tap, opt.Input, float64(opt.Arena)/float64(DefaultArena))
}

func setFor(name string) (*kernel.Set, error) {
	if name == "" {
		return kernel.Default()
	}
	return kernel.ByName(name)
}

func checkInput(g *graph.Graph, opt Options) error {
	if len(g.Inputs) != 1 {
		var names []string
		for _, in := range g.Inputs {
			names = append(names, in.Name)
		}
		return fmt.Errorf("tensor %q depends on %d inputs %q, not on one image", opt.Tap, len(names), names)
	}
	in := g.Inputs[0]
	if in.DType != tensor.Float32 {
		return fmt.Errorf("input %q takes %v values, not float32", in.Name, in.DType)
	}
	if in.Dims != nil && len(in.Dims) != len(opt.Input) {
		return fmt.Errorf("input %q has %d dimensions, not %d as in %v", in.Name, len(in.Dims), len(opt.Input), opt.Input)
	}
	for i, d := range in.Dims {
		if d.Known() && d.Size != opt.Input[i] {
			return fmt.Errorf("input %q: dimension %d is fixed to %d in the model, not %d", in.Name, i, d.Size, opt.Input[i])
		}
	}
	if n := tensor.Len(opt.Input); n <= 0 || n > 1<<28 || slices.Min(append([]int{1}, opt.Input...)) < 1 {
		return fmt.Errorf("an input of shape %v is not possible", opt.Input)
	}
	return nil
}

// inputOrder is the order of axes in which a runner is fed.
func (o *Options) inputOrder() []int {
	if len(o.Input) == 4 && !o.ChannelsLast {
		return innermost(4, 1)
	}
	return identityOrder(len(o.Input))
}

// poolTap reduces a feature map to one value a channel.
func (g *net) poolTap(how string) error {
	if !slices.Contains([]string{"", "avg", "max", "none"}, how) {
		return fmt.Errorf("no such pooling %q: choose avg, max or none", how)
	}
	v := g.output
	if !isFloat(v) {
		return fmt.Errorf("tensor %q holds %v values, not float32", v.name, v.dtype)
	}
	if v.integer != 0 {
		return fmt.Errorf("tensor %q holds %v values, not float32: take the one that is made of it, or that it is made of", v.name, v.integer)
	}
	if hasZero(v.shape) {
		return fmt.Errorf("tensor %q is empty: its shape is %v", v.name, v.shape)
	}
	if len(v.shape) < 3 || how == "none" || tensor.Len(v.shape[2:]) == 1 {
		return nil
	}
	channel := 1
	if len(v.shape) == 3 || len(v.shape) == 4 && v.def != nil && channelsLastResult(v.def) {
		channel = len(v.shape) - 1 // tokens × channels
	}
	for axis := 1; axis < len(v.shape); axis++ {
		if axis != channel {
			g.pooled = append(g.pooled, axis)
		}
	}
	out := &value{name: v.name, dtype: v.dtype, shape: []int{v.shape[0], v.shape[channel]}}
	n := &node{label: "pooling of the tap", op: &spatialMean{channel: channel, max: how == "max"}, out: []*value{out}}
	out.def = n
	n.addInput(v)
	g.nodes, g.output = append(g.nodes, n), out
	return nil
}

// channelsLastResult reports whether a node computes N×H×W×C: only products
// along the last axis, and a Transpose to that order, are known to.
func channelsLastResult(n *node) bool {
	if c := convOf(n.out[0]); c != nil {
		return c.axis == 3
	}
	return slices.Equal(permutation(n), []int{0, 2, 3, 1})
}

// build emits the plan and lays out its memory.
func build(n *net, set *kernel.Set, opt Options) (*Program, error) {
	if n.output.view == nil || n.input.view == nil {
		return nil, errors.New("the tap is not computed from the input by float32 operators")
	}
	cache := opt.Cache
	if cache == 0 {
		cache = defaultCache
	}
	pl := &planner{set: set, cache: cache / 4, slots: map[*value]int{}, constants: map[*value]*tensor.Tensor{}}
	pl.plan(n)
	return pl.program(n.input.view.Len(), n.output.view.Len(), opt.Arena)
}

// program makes a program of the steps, which take so many values and give so many.
func (p *planner) program(inputLen, dim int, arena int64) (*Program, error) {
	plan := &exec.Plan{Set: p.set, Steps: p.steps, Arena: memory.LayOut(p.buffers), Slots: len(p.slots), InputLen: inputLen, Dim: dim}
	if most := cmp.Or(arena, DefaultArena); int64(plan.Arena) > most/4 {
		return nil, fmt.Errorf("its activations take %d MB, at most %d are allowed: %w", plan.Arena>>18, most>>20, op.ErrLimit)
	}
	p.stats.WorkerBytes = plan.Finish()
	p.stats.Kernels, p.stats.ArenaBytes, p.stats.Steps = p.set.Name, 4*plan.Arena, len(plan.Steps)
	return &Program{plan: plan, lines: p.lines, stats: p.stats}, nil
}

// A Runner runs a program.
type Runner = exec.Runner

// NewRunner returns a runner with an arena of its own. It works on one core: for
// many images, run as many runners as there are cores.
func (p *Program) NewRunner() *Runner { return p.plan.NewRunner(1) }

// NewParallelRunner returns a runner that spreads the work on every image over
// several cores, for when one image has to be done soon. While Run is at work it
// keeps them all busy. The results are those of NewRunner.
func (p *Program) NewParallelRunner(cores int) *Runner { return p.plan.NewRunner(cores) }
