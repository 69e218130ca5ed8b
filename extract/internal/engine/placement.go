package engine

import (
	"featstore/extract/internal/engine/memory"
	"featstore/extract/internal/tensor"
)

// dimensions of v as images of pixels of channels.
func dimensions(v *value) (n, h, w, c int) {
	d := v.physical()
	n, h, w, c = 1, 1, 1, 1
	k := len(d)
	if k > 0 {
		c = d[k-1]
	}
	if k > 1 {
		w = d[k-2]
	}
	if k == 3 { // a sequence or a one-dimensional image: N×1×L×C
		n = d[0]
	}
	if k > 3 {
		h, n = d[k-3], tensor.Len(d[:k-3])
	}
	return n, h, w, c
}

// placeAll gives every float32 value a view, from the last node to the first,
// so that a value can be put where its reader wants it: into a concatenation,
// under another name, or where its result overwrites it.
func (g *net) placeAll() {
	p := &placement{net: g, halos: g.halos(), views: g.views()}
	p.own(g.output)
	for i := len(g.nodes) - 1; i >= 0; i-- {
		n := g.nodes[i]
		for _, v := range n.out {
			if !p.views[v] || !p.halos[v].Empty() {
				p.own(v)
			}
		}
		if len(n.out) > 0 && n.out[0].view != nil { // else it is a view of its input, once that has one
			n.op.placeInputs(p, n)
		}
	}
	p.own(g.input)
	for _, n := range g.nodes {
		for _, v := range n.out {
			if p.views[v] && v.view == nil {
				v.view = viewOfInput(n)
				p.own(v)
			}
		}
	}
}

// placement is the state of placeAll.
type placement struct {
	net   *net
	halos map[*value]memory.Borders // what the readers of a value need around it
	views map[*value]bool           // the values that may be views with strides
}

// own gives v a buffer of its own, unless it has a view already or is no float32.
func (p *placement) own(v *value) {
	if v.order == nil || v.view != nil {
		return
	}
	n, h, w, c := dimensions(v)
	b := &memory.Buffer{N: n, H: h, W: w, LD: c, Bytes: v.quant != nil}
	surround(b, v, p.halos[v])
	v.view = &memory.View{Buffer: b, N: n, H: h, W: w, C: c, LD: c}
}

// halos returns how wide a border every value needs for the operations that read it.
func (g *net) halos() map[*value]memory.Borders {
	need := map[*value]memory.Borders{}
	for _, n := range g.nodes {
		if b := n.op.halo(n); !b.Empty() {
			need[n.in[0]] = need[n.in[0]].Union(b)
		}
	}
	return need
}

// surround widens the halo for v.
func surround(r *memory.Buffer, v *value, need memory.Borders) {
	if !need.Empty() && v.quant != nil {
		r.Zero = byte(v.quant.zeroPoint)
	}
	r.Halo = r.Halo.Union(need)
}

// share puts v at a view, unless v lies somewhere already or needs a halo that the
// buffer cannot have.
func (p *placement) share(v *value, at *memory.View) {
	if v.view != nil || v.constant != nil || !takes(at.Buffer, v, p.halos[v]) {
		return
	}
	surround(at.Buffer, v, p.halos[v])
	v.view = at
}

// takes reports whether v may lie in the buffer with the halo that it needs.
func takes(r *memory.Buffer, v *value, need memory.Borders) bool {
	switch {
	case r.Bytes != (v.quant != nil):
		return false
	case need.Empty():
		return true
	}
	return !r.Plain && (!r.Bytes || r.Halo.Empty() || r.Zero == byte(v.quant.zeroPoint))
}

// alias puts v where another value is, seen with v's own dimensions.
func (p *placement) alias(v *value, at *memory.View) {
	n, h, w, c := dimensions(v)
	if n == at.N && h == at.H && w == at.W && c == at.C {
		p.share(v, at)
		return
	}
	if v.view != nil || !p.halos[v].Empty() || !at.Contiguous() || at.Len() != n*h*w*c || at.Buffer.Bytes != (v.quant != nil) {
		return
	}
	at.Buffer.Plain = true
	p.share(v, &memory.View{Buffer: at.Buffer, N: n, H: h, W: w, C: c, LD: c})
}

// overwrite puts v where the only reader of v writes its result: that is safe if
// nothing else lies where v does.
func (p *placement) overwrite(v *value, at *memory.View) {
	if v.constant != nil || v.def == nil || !p.net.only(v) || !v.def.op.ownsResult() {
		return
	}
	if n, h, w, c := dimensions(v); n == at.N && h == at.H && w == at.W && c == at.C {
		p.share(v, at)
	}
}
