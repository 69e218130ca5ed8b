package zoo

import "featstore/extract/internal/tensor"

// A swin is the state of a shifted-window transformer as it is built: a map of
// tokens, height × width × values.
type swin struct {
	*builder
	x       string
	h, w, d int
	window  int
}

// swinT is the tiny network of that kind.
func swinT(b *builder) {
	s := &swin{builder: b, window: 7}
	if b.Width != 1 {
		s.window = 4
	}
	x := b.conv(b.image(), conv{out: b.ch(96), k: 4, stride: 4, pad: valid, plain: true})
	s.h, s.w, s.d = x.h, x.w, x.c
	s.x = b.layerNorm(b.toLast(x), s.d)
	heads := []int{3, 6, 12, 24}
	for i, n := range []int{2, 2, 6, 2} {
		if i > 0 {
			s.merge()
		}
		if b.Width != 1 {
			heads[i] = s.d / 8
		}
		for j := range b.times(n) {
			s.block(heads[i], j%2 == 1)
		}
	}
	y := s.layerNorm(s.x, s.d)
	if b.constants {
		y = b.permute(y, 0, 3, 1, 2)
		b.classify(b.globalPool(fmap{y, s.d, s.h, s.w}), s.d)
		return
	}
	b.classify(b.reduceMean(y, 0, 1, 2), s.d)
}

// block is attention within windows, moved by half a window if shifted, and a pair
// of dense layers.
func (s *swin) block(heads int, shifted bool) {
	s.x = s.op("Add", s.x, s.attendWindows(s.layerNorm(s.x, s.d), heads, shifted))
	s.x = s.op("Add", s.x, s.mlp(s.layerNorm(s.x, s.d), s.d, 4*s.d, "gelu"))
}

func (s *swin) attendWindows(x string, heads int, shifted bool) string {
	x, h, w := s.padToWindows(x)
	m := s.window
	shift := 0
	if shifted && (h > m || w > m) {
		shift = m / 2
	}
	if shift > 0 {
		x = s.roll(s.roll(x, 1, shift), 2, shift)
	}
	a := attention{n: m * m, d: s.d, heads: heads, batch: -1, windows: h / m * (w / m), bias: s.positionBias(heads)}
	if shift > 0 {
		a.mask = s.shiftMask(h, w, shift)
	}
	// windows: batch × rows × m × columns × m × d
	x = s.permute(s.reshape(x, s.batchOf(x), h/m, m, w/m, m, s.d), 0, 1, 3, 2, 4, 5)
	x = s.attend(s.reshape(x, -1, m*m, s.d), a)
	x = s.permute(s.reshape(x, -1, h/m, w/m, m, m, s.d), 0, 1, 3, 2, 4, 5)
	x = s.reshape(x, -1, h, w, s.d)
	if shift > 0 {
		x = s.roll(s.roll(x, 1, -shift), 2, -shift)
	}
	if h > s.h || w > s.w {
		x = s.slice(s.slice(x, 1, 0, s.h, 1), 2, 0, s.w, 1)
	}
	return x
}

// padToWindows pads at the end to whole windows. Where sizes are computed, so is
// how much is missing: (m − h mod m) mod m.
func (s *swin) padToWindows(x string) (y string, h, w int) {
	m := s.window
	h, w = (s.h+m-1)/m*m, (s.w+m-1)/m*m
	if !s.dims {
		if h == s.h && w == s.w {
			return x, h, w
		}
		return s.op("Pad", x, s.ints(0, 0, 0, 0, 0, h-s.h, w-s.w, 0), s.scalar(0)), h, w
	}
	missing := func(axis int) dim {
		size := string(s.dimOf(x, axis))
		left := s.op("Mod", s.op("Sub", s.index(m), s.op("Mod", size, s.index(m))), s.index(m))
		return dim(left)
	}
	pads := s.shape(0, 0, 0, 0, 0, missing(1), missing(2), 0)
	return s.op("Pad", x, pads, s.scalar(0)), h, w
}

// roll moves x along an axis towards the start, what leaves there coming in at the
// end.
func (s *swin) roll(x string, axis, by int) string {
	return s.concat(axis, s.slice(x, axis, by, maxEnd, 1), s.slice(x, axis, 0, by, 1))
}

// positionBias takes for each pair of places in a window what is learned for their
// distance: heads × n × n.
func (s *swin) positionBias(heads int) string {
	m := s.window
	side, n := 2*m-1, m*m
	index := make([]int64, 0, n*n)
	for i := range n {
		for j := range n {
			dy, dx := i/m-j/m+m-1, i%m-j%m+m-1
			index = append(index, int64(dy*side+dx))
		}
	}
	name := s.layer("relative_position")
	table := s.normal(name+".bias_table", 0, 0.5, side*side, heads)
	rows := s.gather(table, s.Init(name+".index", tensor.New(index, n*n)), 0)
	return s.unsqueeze(s.permute(s.reshape(rows, n, n, -1), 2, 0, 1), 0)
}

// merge joins each 2×2 tokens to one of twice the values.
func (s *swin) merge() {
	if s.h%2 == 1 || s.w%2 == 1 {
		s.x = s.op("Pad", s.x, s.ints(0, 0, 0, 0, 0, s.h%2, s.w%2, 0), s.scalar(0))
	}
	part := func(y, x int) string { return s.slice(s.slice(s.x, 1, y, maxEnd, 2), 2, x, maxEnd, 2) }
	x := s.concat(-1, part(0, 0), part(1, 0), part(0, 1), part(1, 1))
	x = s.layerNorm(x, 4*s.d)
	name := s.layer("reduction")
	out := s.ch(2 * s.d)
	if s.Width != 1 {
		out = 2 * s.d
	}
	w := s.normal(name+".weight", 0, 1/sqrt(4*s.d), 4*s.d, out)
	s.x, s.h, s.w, s.d = s.op("MatMul", x, w), (s.h+1)/2, (s.w+1)/2, out
}
