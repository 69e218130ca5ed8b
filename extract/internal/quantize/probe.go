package quantize

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"featstore/extract/internal/engine"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A probe runs a graph and shows tensors inside of it. They are joined to one result,
// which the engine computes like any other; several, if they are many.
type probe struct {
	programs []*engine.Program
	tensors  [][]shown // of each program
}

// shown is a tensor to show: channels innermost.
type shown struct {
	name       string
	size, axis int // axis of the channels
	rank       int
}

// show is how a tensor is shown.
func (n *network) show(name string) shown {
	return shown{name, n.size(name), n.channelAxis(name), len(n.shapes[name].Shape)}
}

func (n *network) shown(names []string) []shown {
	var all []shown
	for _, name := range names {
		all = append(all, n.show(name))
	}
	return all
}

// probeFloats is how many floats of tensors a program shows at most.
const probeFloats = 24 << 20

func (q *quantization) newProbe(g *graph.Graph, tensors []shown) (*probe, error) {
	p := &probe{}
	for len(tensors) > 0 {
		count, floats := 0, 0
		for count < len(tensors) && (count == 0 || floats+tensors[count].size <= probeFloats) {
			floats += tensors[count].size
			count++
		}
		some := tensors[:count]
		program, err := engine.Compile(joined(g, some), q.options(probeOutput))
		if err != nil {
			return nil, fmt.Errorf("look into the network: %w", err)
		}
		p.programs, p.tensors = append(p.programs, program), append(p.tensors, some)
		tensors = tensors[count:]
	}
	return p, nil
}

// probeOutput is a name that no exporter gives.
const probeOutput = "\x00probe"

// joined returns the graph with tensors in one row as its result.
func joined(g *graph.Graph, tensors []shown) *graph.Graph {
	out := *g
	out.Nodes, out.Initializers = slices.Clone(g.Nodes), maps.Clone(g.Initializers)
	var rows []string
	for i, t := range tensors {
		row, shape, from := fmt.Sprintf("%s %d", probeOutput, i), fmt.Sprintf("%s shape %d", probeOutput, i), t.name
		if perm := t.perm(); perm != nil {
			from = fmt.Sprintf("%s moved %d", probeOutput, i)
			out.Nodes = append(out.Nodes, &graph.Node{Op: "Transpose", Inputs: []string{t.name}, Outputs: []string{from}, Attrs: map[string]graph.Attr{"perm": perm}})
		}
		out.Initializers[shape] = tensor.New([]int64{1, int64(t.size)}, 2)
		out.Nodes = append(out.Nodes, &graph.Node{Op: "Reshape", Inputs: []string{from, shape}, Outputs: []string{row}})
		rows = append(rows, row)
	}
	out.Nodes = append(out.Nodes, &graph.Node{Op: "Concat", Inputs: rows, Outputs: []string{probeOutput}, Attrs: map[string]graph.Attr{"axis": int64(1)}})
	out.Outputs = []graph.Output{{Name: probeOutput}}
	return &out
}

// perm moves the channels innermost, nil where they are.
func (t shown) perm() []int64 {
	if t.axis >= t.rank-1 {
		return nil
	}
	var perm []int64
	for i := range t.rank {
		if i != t.axis {
			perm = append(perm, int64(i))
		}
	}
	return append(perm, int64(t.axis))
}

// A prober is a probe in use by one goroutine.
type prober struct {
	*probe
	runners []*engine.Runner
	out     []float32
}

func (p *probe) prober() *prober {
	r := &prober{probe: p}
	most := 0
	for _, program := range p.programs {
		r.runners = append(r.runners, program.NewRunner())
		most = max(most, program.Dim())
	}
	r.out = make([]float32, most)
	return r
}

// look calls f with the values of each tensor for an image, which are gone afterwards.
func (r *prober) look(ctx context.Context, pixels []float32, f func(name string, x []float32)) error {
	for i := range r.runners {
		if err := r.part(ctx, i, pixels, f); err != nil {
			return err
		}
	}
	return nil
}

// part is look for the tensors of one program.
func (r *prober) part(ctx context.Context, i int, pixels []float32, f func(name string, x []float32)) error {
	out := r.out[:r.programs[i].Dim()]
	if err := r.runners[i].Run(ctx, pixels, out); err != nil {
		return err
	}
	for _, t := range r.tensors[i] {
		f(t.name, out[:t.size])
		out = out[t.size:]
	}
	return nil
}
