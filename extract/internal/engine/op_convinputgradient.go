package engine

// A convInputGradient computes the gradient by a convolution's input where a convolution
// cannot: of one that moves by several pixels. Output pixels of the same remainder by
// the stride read the same taps, so each remainder, a phase, is a convolution.
type convInputGradient struct {
	conv *conv
	backwardOnly
}

func (*convInputGradient) name() string { return "gradient of a strided convolution" }

func (g *convInputGradient) assignOrders(a *orders, n *node) {
	a.all(n, innermost(len(n.in[0].shape), g.conv.axis))
}

// halo is how far the phases' taps reach beyond the gradient of the result.
func (g *convInputGradient) halo(n *node) borders {
	_, h, w, _ := dimensions(n.out[0])
	_, oh, ow, _ := dimensions(n.in[0])
	c := g.conv
	top, bottom := reachOfPhases(c.kh, c.sh, c.dh, c.pad.top, h, oh)
	left, right := reachOfPhases(c.kw, c.sw, c.dw, c.pad.left, w, ow)
	return borders{top: top, left: left, bottom: bottom, right: right}
}

func (g *convInputGradient) cost(n *node) cost { return cost{macs: g.conv.macs(n.in[0])} }

func (g *convInputGradient) emit(p *planner, n *node) {
	in, out := n.in[0].view, n.out[0].view
	s := &inputGradientStep{convShape: g.conv.convShape, in: in, out: out, set: p.set}
	s.source = g.conv.frozenWeight
	if t := g.conv.training; t != nil && t.weight != nil {
		s.source = func() *Parameter { return t.weight }
		p.reloads = append(p.reloads, s.load)
	}
	s.phases()
	s.load()
	p.emit(n.label, s, in, out)
}

// A tapOffset is a tap of a phase, and how many pixels it lies beside the phase's own.
type tapOffset struct{ tap, at int }

// phaseTaps returns the taps along an axis that pixels at, at+stride, … of the input
// are read by, in the order of where they lie in the result: pixel at + j·stride is read
// by tap k of output pixel j + (at + pad − k·dilation)/stride where that is whole.
func phaseTaps(at, taps, stride, dilation, pad int) []tapOffset {
	var list []tapOffset
	for k := taps - 1; k >= 0; k-- {
		if d := at + pad - k*dilation; d%stride == 0 {
			list = append(list, tapOffset{k, d / stride})
		}
	}
	return list
}

// reachOfPhases is how many pixels before the first and behind the last of out pixels
// the taps of all phases of in pixels reach.
func reachOfPhases(taps, stride, dilation, pad, in, out int) (before, behind int) {
	for at := range min(stride, in) {
		last := (in - 1 - at) / stride // the phase's last pixel
		for _, t := range phaseTaps(at, taps, stride, dilation, pad) {
			before, behind = max(before, -t.at), max(behind, last+t.at-(out-1))
		}
	}
	return before, behind
}
