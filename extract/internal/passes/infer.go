package passes

import (
	"maps"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/op"
	"featstore/extract/internal/tensor"
)

// Specialize makes a graph for inputs of one shape: it infers the shapes of all values,
// folds constants, and replaces each If by the branch that is taken: exporters write
// conditions on sizes, which are now known. The graph keeps the nodes that tap needs.
//
// Every value comes back in known: its type and shape and, unless it depends on the
// input, its values. share says how much memory folding may take, see FoldLimits.
func Specialize(part *graph.Graph, tap string, shape []int, share float64) (_ *graph.Graph, known map[string]*tensor.Tensor, err error) {
	for {
		known, err := infer(part, shape, share)
		if err != nil {
			return nil, nil, err
		}
		i := slices.IndexFunc(part.Nodes, isIf)
		if i < 0 {
			return part, known, nil
		}
		g := *part
		g.Initializers = maps.Clone(part.Initializers)
		g.Nodes = nil
		for _, n := range part.Nodes {
			if !isIf(n) {
				g.Nodes = append(g.Nodes, n)
				continue
			}
			branch, err := taken(n, known)
			if err != nil {
				return nil, nil, err
			}
			inlineBranch(&g, n, branch, known)
		}
		if part, err = Prune(&g, tap); err != nil {
			return nil, nil, err
		}
	}
}

// infer evaluates the graph with an input of known shape and unknown values.
func infer(g *graph.Graph, shape []int, share float64) (map[string]*tensor.Tensor, error) {
	in := g.Inputs[0]
	all, err := FoldLimits(g, share).Interpret(g, map[string]*tensor.Tensor{in.Name: tensor.Abstract(in.DType, shape...)})
	if err != nil {
		return nil, err
	}
	for name, t := range g.Initializers {
		all[name] = t
	}
	return all, nil
}

// FoldLimits bounds the evaluation of a graph whose input is not known. From constants
// alone, networks compute some arithmetic on shapes and their weights in another form; a
// hostile one would compute for hours. share is the memory allowed for activations, as a
// multiple of the default: if it is above 1, values of which only the shape is known may
// be larger by that factor.
func FoldLimits(g *graph.Graph, share float64) op.Limits {
	l := op.DefaultLimits()
	if share > 1 {
		l.Elements, l.Work = int(float64(l.Elements)*share), l.Work*share
	}
	l.Folding = 1 << 32
	l.Bytes = 64 << 20
	for _, t := range g.Initializers {
		l.Bytes += 8 * float64(tensor.Len(t.Shape)) // as float32, and once more in another form
	}
	return l
}
