package engine

import (
	"featstore/extract/internal/engine/exec"
	"featstore/extract/internal/graph"
)

// A pool takes the maximum or the average of a window.
type pool struct {
	exec.Window
	max      bool
	countPad bool // the average counts padding pixels, inside the padded image

	channelsInnermost
	noConstants
	stopsTranspose
	noHalo
	separateInputs
	ownResult
	neverView
	noEpilogue
	noCost
	noParameters
}

func (p *pool) name() string {
	if p.max {
		return "max pooling"
	}
	return "average pooling"
}

func (p *pool) byteForm(_ *byteForms, n *node) (operation, *quantParams) {
	if in := n.in[0].quant; in != nil && p.max && p.inside(n.in[0].shape, n.out[0].shape) {
		return &bytePool{pool: p}, in
	}
	return nil, nil
}

func (p *pool) wantsBytes(b *byteForms, n *node) bool { return p.max && b.wanted(n.out[0]) }

func (*pool) readsBytes(*node) bool { return false }

func (p *pool) emit(l *planner, n *node) {
	in, out := n.in[0].view, n.out[0].view
	l.emit(n.label, &exec.Pool{Window: p.Window, Max: p.max, CountPad: p.countPad, In: in, Out: out}, in, out)
}

// inside reports whether every window has a pixel of the image.
func (p *pool) inside(in, out []int) bool {
	begin := [2]int{p.Pad.Top, p.Pad.Left}
	for i := 2; i < len(in); i++ {
		axis := i + 2 - len(in)
		if begin[axis] >= p.Kernel[axis] || (out[i]-1)*p.Stride[axis]-begin[axis] >= in[i] {
			return false
		}
	}
	return p.Dilation == [2]int{1, 1}
}

func lowerPool(n *node, src *graph.Node, _ int64) operation {
	x := n.in[0]
	rank := len(x.shape)
	if rank < 3 || rank > 4 || hasZero(x.shape) || hasZero(n.out[0].shape) {
		return nil
	}
	w := windowOf(src, x.shape, src.Ints("kernel_shape"))
	if negative(w.Pad) {
		return nil
	}
	return &pool{Window: w, max: src.Op == "MaxPool", countPad: src.Int("count_include_pad", 0) != 0}
}

func (p *pool) gradient(b *backward, n *node, dy *value) error {
	b.bring(n.in[0], b.add(&poolGradient{pool: p}, n.in[0].shape, dy, n.in[0], n.out[0]))
	return nil
}
