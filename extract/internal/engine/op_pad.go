package engine

import (
	"slices"

	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// A pad surrounds an image by zero pixels.
type pad struct {
	memory.Borders
	channel int // the axis that is not padded: 1, or 3 in N×H×W×C

	noConstants
	noHalo
	separateInputs
	sharedResult
	neverView
	noEpilogue
	floatsOnly
	noCost
	noParameters
}

func (*pad) name() string { return "padding" }

func (p *pad) assignOrders(a *orders, n *node) { a.all(n, innermost(4, p.channel)) }

func (p *pad) beforeTranspose(_ *node, perm []int) operation {
	if !swapsChannels(perm) || perm[p.channel] == 2 {
		return nil // the axis without padding would be height or width
	}
	return &pad{Borders: p.Borders, channel: perm[p.channel]}
}

func (p *pad) emit(l *planner, n *node) {
	in, out := n.in[0].view, n.out[0].view
	l.emit(n.label, &exec.Pad{Borders: p.Borders, In: in, Out: out}, in, out)
}

// lowerPad recognises constant padding of an image by zeros.
func lowerPad(n *node, src *graph.Node, _ int64) operation {
	x := n.in[0]
	pads := src.Ints("pads")
	if len(n.in) > 1 && n.in[1] != nil {
		if n.in[1].constant == nil || n.in[1].dtype != tensor.Int64 {
			return nil
		}
		pads = nil
		for _, p := range tensor.Values[int64](n.in[1].constant) {
			pads = append(pads, int(p))
		}
	}
	padding := src.Float("value", 0)
	if len(n.in) > 2 && n.in[2] != nil {
		v, ok := floats(n.in[2])
		if !ok || len(v) != 1 {
			return nil
		}
		padding = v[0]
	}
	if dynamic(x) && slices.Equal(x.shape, n.out[0].shape) && !slices.ContainsFunc(pads, func(p int) bool { return p != 0 }) {
		n.keep(x) // exporters pad to whole windows, by nothing when they fit
		return &identity{}
	}
	axes := len(n.in) > 3 && n.in[3] != nil
	if src.Text("mode", "constant") != "constant" || padding != 0 || axes || len(pads) != 8 || len(x.shape) != 4 ||
		!dynamic(x) || hasZero(x.shape) || slices.Min(pads) < 0 || pads[0]+pads[4] != 0 {
		return nil
	}
	n.keep(x)
	switch {
	case pads[1]+pads[5] == 0:
		return &pad{Borders: memory.Borders{Top: pads[2], Left: pads[3], Bottom: pads[6], Right: pads[7]}, channel: 1}
	case pads[3]+pads[7] == 0:
		return &pad{Borders: memory.Borders{Top: pads[1], Left: pads[2], Bottom: pads[5], Right: pads[6]}, channel: 3}
	}
	return nil
}

// gradient: x gets the inner part of dy.
func (p *pad) gradient(b *backward, n *node, dy *value) error {
	x, rows := n.in[0], 2
	if p.channel == 3 {
		rows = 1
	}
	shape := slices.Clone(dy.shape)
	shape[rows] = x.shape[rows]
	inner := b.add(&slice{axis: rows, from: p.Top, every: 1}, shape, dy)
	b.bring(x, b.add(&slice{axis: rows + 1, from: p.Left, every: 1}, x.shape, inner))
	return nil
}
