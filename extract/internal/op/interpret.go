package op

import (
	"errors"
	"fmt"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// Interpret evaluates a graph plainly, node after node. inputs names the values of
// the graph's inputs, abstract ones for their type and shape alone, and may name
// other values too, which are then taken instead of being computed.
//
// With names in want it evaluates only the nodes that those values need, keeps no
// value longer than it is needed, and returns just those values. The first node
// that fails ends it.
//
// Without, it evaluates all that it can and returns every value it knows, inputs
// and constants included: given abstract inputs, this is shape inference. The map
// is then of use even beside an error, which joins those of all nodes that failed;
// nodes that read from failed ones are left out in silence.
func Interpret(g *graph.Graph, inputs map[string]*tensor.Tensor, want ...string) (map[string]*tensor.Tensor, error) {
	return DefaultLimits().Interpret(g, inputs, want...)
}

// Interpret is the function Interpret within other limits for each node than the
// default.
func (l Limits) Interpret(g *graph.Graph, inputs map[string]*tensor.Tensor, want ...string) (map[string]*tensor.Tensor, error) {
	if l.Folding > 0 {
		l.folded = new(float64)
	}
	s := &scope{graph: g, limits: l, opsets: g.Opsets, values: map[string]*tensor.Tensor{}, computed: map[string]bool{}, bytes: new(float64)}
	for name, t := range g.Initializers {
		s.values[name] = t
	}
	for name, t := range inputs {
		s.values[name] = t
	}
	if len(want) == 0 {
		return s.values, s.runAll()
	}
	if err := s.run(want); err != nil {
		return nil, err
	}
	out := make(map[string]*tensor.Tensor, len(want))
	for _, name := range want {
		out[name] = s.find(name)
	}
	return out, nil
}

// A scope holds the values of a graph while it is interpreted. The branches of an
// If also see those of the graphs around it.
type scope struct {
	graph  *graph.Graph
	limits Limits
	opsets map[string]int64
	values map[string]*tensor.Tensor
	outer  *scope
	// computed names those of the values that are results of nodes.
	computed map[string]bool
	bytes    *float64 // of the values computed and held, here and around
}

// hold accounts for a value: sign +1 when it is computed, -1 when it is forgotten.
// Results that share memory with inputs count again.
func (s *scope) hold(t *tensor.Tensor, sign float64) {
	if t != nil && t.Known() {
		*s.bytes += sign * float64(tensor.Len(t.Shape)) * float64(t.DType.Size())
	}
}

// find returns a value by name, or nil.
func (s *scope) find(name string) *tensor.Tensor {
	for ; s != nil; s = s.outer {
		if t, ok := s.values[name]; ok {
			return t
		}
	}
	return nil
}

// runAll evaluates every node whose inputs are there.
func (s *scope) runAll() error {
	var errs []error
nodes:
	for _, n := range s.graph.Nodes {
		if s.done(n) {
			continue
		}
		for _, name := range n.Inputs {
			if name != "" && s.find(name) == nil {
				continue nodes
			}
		}
		if err := s.eval(n); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// done reports whether all outputs of the node are there already.
func (s *scope) done(n *graph.Node) bool {
	for _, name := range n.Outputs {
		if name != "" && s.values[name] == nil {
			return false
		}
	}
	return true
}

// run evaluates what the wanted values need and forgets values after their last
// use.
func (s *scope) run(want []string) error {
	needed, uses := s.plan(want)
	for i, n := range s.graph.Nodes {
		if !needed[i] {
			continue
		}
		if err := s.eval(n); err != nil {
			return err
		}
		for _, name := range reads(n) {
			if uses[name]--; uses[name] == 0 {
				s.forget(name)
			}
		}
	}
	for _, name := range want {
		if s.find(name) == nil {
			return fmt.Errorf("the graph has no value %q", name)
		}
	}
	return nil
}

// forget drops a value of this graph.
func (s *scope) forget(name string) {
	t, ok := s.values[name]
	if ok && s.computed[name] {
		s.hold(t, -1)
	}
	delete(s.values, name)
}

// plan marks the nodes to evaluate, and counts how often they read each value. The
// wanted values count once more.
func (s *scope) plan(want []string) (needed []bool, uses map[string]int) {
	needed, uses = make([]bool, len(s.graph.Nodes)), map[string]int{}
	for _, name := range want {
		uses[name]++
	}
	for i := len(s.graph.Nodes) - 1; i >= 0; i-- {
		n := s.graph.Nodes[i]
		for _, name := range n.Outputs {
			if name != "" && uses[name] > 0 && s.values[name] == nil {
				needed[i] = true
			}
		}
		if needed[i] {
			for _, name := range reads(n) {
				uses[name]++
			}
		}
	}
	return needed, uses
}

// reads lists the values that a node reads, those that its branches take from
// around them included.
func reads(n *graph.Node) []string {
	var names []string
	for _, name := range n.Inputs {
		if name != "" {
			names = append(names, name)
		}
	}
	for _, a := range n.Attrs {
		if g, ok := a.(*graph.Graph); ok {
			names = append(names, captured(g)...)
		}
	}
	return names
}

// captured lists the values that a branch takes from around it.
func captured(g *graph.Graph) []string {
	own := map[string]bool{}
	for name := range g.Initializers {
		own[name] = true
	}
	for _, in := range g.Inputs {
		own[in.Name] = true
	}
	for _, n := range g.Nodes {
		for _, name := range n.Outputs {
			own[name] = true
		}
	}
	var names []string
	for _, n := range g.Nodes {
		for _, name := range reads(n) {
			if !own[name] {
				names = append(names, name)
			}
		}
	}
	for _, out := range g.Outputs {
		if !own[out.Name] {
			names = append(names, out.Name)
		}
	}
	return names
}

// eval evaluates one node and stores its results.
func (s *scope) eval(n *graph.Node) error {
	in := make([]*tensor.Tensor, len(n.Inputs))
	for i, name := range n.Inputs {
		if name == "" {
			continue
		}
		if in[i] = s.find(name); in[i] == nil {
			return fmt.Errorf("%s: the value %q was not given", n.Label(), name)
		}
	}
	var out []*tensor.Tensor
	var err error
	if isIf(n) {
		out, err = s.evalIf(n, in)
	} else {
		out, err = s.limits.Eval(n, s.opset(n.Domain), in)
	}
	if err != nil {
		return err
	}
	for i, name := range n.Outputs {
		if name == "" {
			continue
		}
		if out[i] == nil {
			return fmt.Errorf("%s: %w: output %d", n.Label(), ErrUnsupported, i)
		}
		s.values[name], s.computed[name] = out[i], true
		if s.hold(out[i], 1); *s.bytes > s.limits.Bytes {
			return fmt.Errorf("%s: %.0f bytes of values: %w", n.Label(), *s.bytes, ErrLimit)
		}
	}
	return nil
}

func (s *scope) opset(domain string) int64 {
	if v, ok := s.opsets[domain]; ok {
		return v
	}
	if domain == "ai.onnx" {
		return s.opsets[""]
	}
	return s.opsets[domain]
}

func isIf(n *graph.Node) bool { return n.Op == "If" && (n.Domain == "" || n.Domain == "ai.onnx") }

// evalIf evaluates the branch that the condition chooses, and the other one not at
// all. While the condition is not known the results are those types and shapes in
// which both branches agree.
func (s *scope) evalIf(n *graph.Node, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	if len(in) != 1 || in[0] == nil || in[0].DType != tensor.Bool || tensor.Len(in[0].Shape) != 1 {
		return nil, fmt.Errorf("%s: a condition of one bool is needed", n.Label())
	}
	if !in[0].Known() {
		return s.evalBoth(n)
	}
	branch := "else_branch"
	if tensor.Values[bool](in[0])[0] {
		branch = "then_branch"
	}
	return s.evalBranch(n, branch)
}

func (s *scope) evalBranch(n *graph.Node, branch string) ([]*tensor.Tensor, error) {
	g, ok := n.Attrs[branch].(*graph.Graph)
	if !ok || len(g.Outputs) < len(n.Outputs) {
		return nil, fmt.Errorf("%s: the %s does not deliver the node's %d outputs", n.Label(), branch, len(n.Outputs))
	}
	inner := &scope{graph: g, limits: s.limits, opsets: s.opsets, values: map[string]*tensor.Tensor{}, outer: s, computed: map[string]bool{}, bytes: s.bytes}
	for name, t := range g.Initializers {
		inner.values[name] = t
	}
	want := make([]string, len(g.Outputs))
	for i, o := range g.Outputs {
		want[i] = o.Name
	}
	if err := inner.run(want); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", n.Label(), branch, err)
	}
	out := make([]*tensor.Tensor, len(want))
	for i, name := range want {
		out[i] = inner.find(name)
	}
	return out, nil
}

func (s *scope) evalBoth(n *graph.Node) ([]*tensor.Tensor, error) {
	yes, err := s.evalBranch(n, "then_branch")
	if err != nil {
		return nil, err
	}
	no, err := s.evalBranch(n, "else_branch")
	if err != nil {
		return nil, err
	}
	out := make([]*tensor.Tensor, len(n.Outputs))
	for i := range out {
		if yes[i].String() != no[i].String() {
			return nil, fmt.Errorf("%s: %w: output %d is %v or %v, by the condition", n.Label(), ErrNeedsValue, i, yes[i], no[i])
		}
		out[i] = tensor.Abstract(yes[i].DType, yes[i].Shape...)
	}
	return out, nil
}
