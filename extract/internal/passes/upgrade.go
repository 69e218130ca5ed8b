package passes

import (
	"fmt"
	"maps"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// Versions of ONNX's operators that graphs are brought to.
const (
	// PerChannelOpset is the one from which on DequantizeLinear takes a scale for each
	// channel.
	PerChannelOpset = 13
	// AntialiasOpset is the one from which on Resize can antialias. All reductions take
	// their axes as an input.
	AntialiasOpset = 18
)

// oldestOpset is the version from which on Upgrade knows what has changed.
const oldestOpset = 7

// Upgrade returns the graph in the operators of a version, PerChannelOpset or
// AntialiasOpset, for what is written with operators that older versions lack. Graphs of
// that version or a newer one stay as they are. known holds shapes, see Specialize; it is
// needed for graphs older than PerChannelOpset only. Errors wrap op.ErrUnsupported.
func Upgrade(g *graph.Graph, known map[string]*tensor.Tensor, to int64) (*graph.Graph, error) {
	from := g.Opsets[""]
	if from < oldestOpset {
		return nil, fmt.Errorf("%w: it is written for version %d of ONNX's operators: convert it to version %d", op.ErrUnsupported, from, to)
	}
	for _, step := range []struct {
		to       int64
		upgrades map[string]func(u *upgrader, n *graph.Node) bool
	}{{PerChannelOpset, upgrades}, {AntialiasOpset, reductions}} {
		if step.to > to {
			break
		}
		var err error
		if g, err = upgraded(g, known, step.to, step.upgrades); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// upgraded returns the graph in the operators of a version, unless it is newer.
func upgraded(g *graph.Graph, known map[string]*tensor.Tensor, to int64, how map[string]func(u *upgrader, n *graph.Node) bool) (*graph.Graph, error) {
	from := g.Opsets[""]
	if from >= to {
		return g, nil
	}
	out := *g
	out.Initializers, out.Opsets = maps.Clone(g.Initializers), maps.Clone(g.Opsets)
	out.Opsets[""] = to
	u := &upgrader{&out, from, known}
	var err error
	if out.Nodes, err = u.nodes(g.Nodes, how); err != nil {
		return nil, fmt.Errorf("%w: convert the network to version %d", err, to)
	}
	return &out, nil
}

// nodes returns nodes in their newer form, and those of graphs within them. What becomes an
// input of such a node is an initializer of the whole graph, which it can read.
func (u *upgrader) nodes(nodes []*graph.Node, how map[string]func(u *upgrader, n *graph.Node) bool) ([]*graph.Node, error) {
	var out []*graph.Node
	for _, n := range nodes {
		m := copied(n)
		f := how[n.Op]
		if n.Domain == "" && f != nil && !f(u, m) {
			return nil, fmt.Errorf("%w: %s of version %d", op.ErrUnsupported, n.Label(), u.from)
		}
		for name, a := range m.Attrs {
			inner, ok := a.(*graph.Graph)
			if !ok {
				continue
			}
			body := *inner
			var err error
			if body.Nodes, err = u.nodes(inner.Nodes, how); err != nil {
				return nil, err
			}
			m.Attrs[name] = &body
		}
		out = append(out, m)
	}
	return out, nil
}

type upgrader struct {
	g     *graph.Graph
	from  int64
	known map[string]*tensor.Tensor
}

// upgrades bring a node of an operator that has changed into its newer form, and report
// whether they could.
var upgrades = map[string]func(u *upgrader, n *graph.Node) bool{
	"Clip": (*upgrader).clip, "Pad": (*upgrader).pad, "Slice": (*upgrader).slice, "Dropout": (*upgrader).dropout,
	"Squeeze": (*upgrader).axes, "Unsqueeze": (*upgrader).axes, "ReduceSum": (*upgrader).axes, "Split": (*upgrader).split,
	"Softmax": (*upgrader).softmax, "LogSoftmax": (*upgrader).softmax, "BatchNormalization": (*upgrader).batchNorm,
	"Resize": (*upgrader).since11, "TopK": (*upgrader).since11, "Upsample": (*upgrader).never, "Scan": (*upgrader).since11, "Loop": (*upgrader).since11,
	"OneHot": (*upgrader).since11, "Scatter": (*upgrader).never,
}

// reductions are what changed up to AntialiasOpset.
var reductions = map[string]func(u *upgrader, n *graph.Node) bool{
	"ReduceMean": (*upgrader).axes, "ReduceMax": (*upgrader).axes, "ReduceMin": (*upgrader).axes, "ReduceProd": (*upgrader).axes,
	"ReduceL1": (*upgrader).axes, "ReduceL2": (*upgrader).axes, "ReduceSumSquare": (*upgrader).axes, "ReduceLogSum": (*upgrader).axes,
	"ReduceLogSumExp": (*upgrader).axes, "Split": (*upgrader).splitCount,
}

func (u *upgrader) never(*graph.Node) bool { return false }

func (u *upgrader) since11(*graph.Node) bool { return u.from >= 11 }

// input makes an input of what was an attribute.
func (u *upgrader) input(n *graph.Node, i int, t *tensor.Tensor) {
	for len(n.Inputs) <= i {
		n.Inputs = append(n.Inputs, "")
	}
	n.Inputs[i] = setInitializer(u.g, fmt.Sprintf("%s/input %d", n.Outputs[0], i), t)
}

// integers makes an input of a list, if there is one.
func (u *upgrader) integers(n *graph.Node, i int, attribute string) bool {
	v, ok := n.Attrs[attribute].([]int64)
	if ok {
		u.input(n, i, tensor.New(slices.Clone(v), len(v)))
		delete(n.Attrs, attribute)
	}
	return ok
}

func (u *upgrader) clip(n *graph.Node) bool {
	if u.from >= 11 {
		return true
	}
	for i, name := range []string{"min", "max"} {
		if v, ok := n.Attrs[name].(float32); ok {
			u.input(n, i+1, tensor.New([]float32{v}, []int{}...))
			delete(n.Attrs, name)
		}
	}
	return true
}

func (u *upgrader) pad(n *graph.Node) bool {
	if u.from >= 11 {
		return true
	}
	value := n.Float("value", 0)
	delete(n.Attrs, "value")
	if !u.integers(n, 1, "pads") {
		return false
	}
	u.input(n, 2, tensor.New([]float32{value}, []int{}...))
	return true
}

func (u *upgrader) slice(n *graph.Node) bool {
	if u.from >= 10 {
		return true
	}
	u.integers(n, 3, "axes")
	return u.integers(n, 1, "starts") && u.integers(n, 2, "ends")
}

// dropout: features are computed without it.
func (u *upgrader) dropout(n *graph.Node) bool {
	if len(n.Outputs) > 1 && n.Outputs[1] != "" {
		return u.from >= 12
	}
	n.Op, n.Inputs, n.Outputs, n.Attrs = "Identity", n.Inputs[:1], n.Outputs[:1], nil
	return true
}

func (u *upgrader) axes(n *graph.Node) bool {
	u.integers(n, 1, "axes")
	return true
}

func (u *upgrader) split(n *graph.Node) bool {
	u.integers(n, 1, "split")
	return true
}

// splitCount says in how many equal parts a tensor is divided that is not told their sizes.
func (u *upgrader) splitCount(n *graph.Node) bool {
	if n.Input(1) == "" {
		n.Attrs["num_outputs"] = int64(len(n.Outputs))
	}
	return true
}

// softmax was over all axes from one on.
func (u *upgrader) softmax(n *graph.Node) bool {
	x := u.known[n.Input(0)]
	if x == nil {
		return false
	}
	rank := len(x.Shape)
	axis := n.Int("axis", 1)
	if axis < 0 {
		axis += rank
	}
	for i := axis + 1; i < rank; i++ {
		if x.Shape[i] != 1 {
			return axis == rank-1
		}
	}
	n.Attrs["axis"] = int64(axis)
	return true
}

func (u *upgrader) batchNorm(n *graph.Node) bool {
	if n.Int("spatial", 1) != 1 {
		return false
	}
	delete(n.Attrs, "spatial")
	return true
}
