package quantize

import (
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// movers are the operators that only move numbers: what stands for them does not change.
var movers = []string{"MaxPool", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Identity"}

// A selection is which layers and points are quantized.
type selection struct {
	*network
	float  map[*layer]bool // layers that stay in float
	barred map[string]bool // points that stay in float
	seen   map[string]bool // answers of wanted
}

// points returns the tensors to quantize, in the order of the graph. Layers that cannot
// be quantized without one that is barred are moved to those in float.
func (s *selection) points() []string {
	for s.settle() {
	}
	var points []string
	if in := s.graph.Inputs[0].Name; s.quantized(in) {
		points = append(points, in)
	}
	for _, node := range s.graph.Nodes {
		for _, out := range node.Outputs {
			if s.quantized(out) {
				points = append(points, out)
			}
		}
	}
	return points
}

// settle moves a layer to those in float if one side of it is not quantized.
func (s *selection) settle() (changed bool) {
	for _, l := range s.layers {
		if !s.float[l] && (s.barred[l.in] || s.barred[l.out] || !s.possible(l.in) || !s.possible(l.out)) {
			s.float[l] = true
			return true
		}
	}
	s.seen = map[string]bool{}
	return false
}

// possible reports whether a value can be a point: floats that depend on the input.
func (s *selection) possible(name string) bool {
	t := s.shapes[name]
	return s.dynamic(name) && t != nil && t.DType == tensor.Float32 && !t.Known() && tensor.Len(t.Shape) > 0
}

func (s *selection) quantized(name string) bool {
	if s.barred[name] || !s.possible(name) || s.inside(name) {
		return false
	}
	l := s.byOut[name]
	return l != nil && !s.float[l] || s.wanted(name)
}

// inside reports whether a value lies inside of what is computed in one go: before
// bounds, or between the ends of a function.
func (s *selection) inside(name string) bool {
	if next := s.onlyReader(name); next != nil && s.closing[next] {
		return true
	}
	root := s.root[name]
	if root == "" || root == name {
		return false
	}
	return !s.outputs[name] && !slices.ContainsFunc(s.readers[name], func(r *graph.Node) bool { return s.root[r.Outputs[0]] != root })
}

// wanted reports whether bytes of a value are of use to one of its readers.
func (s *selection) wanted(name string) bool {
	if answer, ok := s.seen[name]; ok {
		return answer
	}
	s.seen[name] = false // while looking
	s.seen[name] = slices.ContainsFunc(s.readers[name], func(r *graph.Node) bool { return s.wants(r, name) })
	return s.seen[name]
}

// wants reports whether bytes of its input are of use to a node.
func (s *selection) wants(r *graph.Node, name string) bool {
	if l := s.byNode[r]; l != nil {
		return s.wantedByLayer(name)
	}
	if r.Domain != "" || len(r.Outputs) == 0 {
		return false
	}
	out := r.Outputs[0]
	switch {
	case s.root[out] != "" && s.root[out] != out: // a function
		return s.exitWanted(s.root[out])
	case s.sums(r):
		if next := s.bounds(out); next != nil {
			out = next.Outputs[0]
		}
		return s.wanted(out)
	case r.Op == "Concat" || slices.Contains(movers, r.Op):
		return s.wanted(out)
	case r.Op == "GlobalAveragePool" || r.Op == "ReduceMean":
		return s.bytes(name)
	}
	return false
}

// bytes reports whether a value is computed on bytes anyway, up to its last rounding.
func (s *selection) bytes(name string) bool {
	if l := s.byOut[name]; l != nil {
		return !s.float[l]
	}
	d := s.def[name]
	if d != nil && s.closing[d] {
		d = s.def[d.Input(0)]
	}
	return d != nil && s.sums(d) && !slices.ContainsFunc(d.Inputs, func(in string) bool { return !s.bytes(in) && !s.wantedByLayer(in) })
}

func (s *selection) wantedByLayer(name string) bool {
	return slices.ContainsFunc(s.readers[name], func(r *graph.Node) bool { l := s.byNode[r]; return l != nil && !s.float[l] && l.in == name })
}

// exitWanted reports whether bytes of some function of a value are of use.
func (s *selection) exitWanted(root string) bool {
	for _, node := range s.graph.Nodes {
		out := node.Outputs[0]
		if s.root[out] == root && out != root && !s.inside(out) && s.wanted(out) {
			return true
		}
	}
	return false
}

// moved returns the point whose numbers a value's are, moved about; itself for others.
func (s *selection) moved(name string) string {
	for {
		d := s.def[name]
		if d == nil || d.Domain != "" || !slices.Contains(movers, d.Op) || !s.possible(d.Input(0)) || !s.quantized(d.Input(0)) {
			return name
		}
		name = d.Input(0)
	}
}
