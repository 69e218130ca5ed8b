package kernel

// portable is the set in plain Go: the reference for all others.
var portable = &Set{
	Name:         "portable",
	panels:       []panelKind{{width: 4, rows: 64, tile: sameForAll(tile4, 64)}},
	depthwise:    depthwiseRow,
	transform:    transform,
	maxInto:      maxInto,
	addInto:      addInto,
	mulInto:      mulInto,
	roots:        inverseRoots,
	affine:       affine,
	clip:         clipAll,
	fakeQuantize: fakeQuantize,
	lanes:        1,
	sum:          sumOf, max: maxOf, sumSquares: sumSquaresOf,
	bytes: portableBytes,

	outers: portableOuters(), masked: true, clipGradient: clipGradient, addScaled: addScaled,
}

// portableExact is portable with the roundings of assembly.
var portableExact = func() *Set {
	s := *portable
	s.panels = []panelKind{{width: 4, rows: 64, tile: sameForAll(fusedTile4, 64)}}
	s.depthwise, s.affine = fusedDepthwise, fusedAffine
	return &s
}()

func sameForAll(f func(t *Tile), rows int) []func(t *Tile) {
	all := make([]func(t *Tile), rows+1)
	for i := range all {
		all[i] = f
	}
	return all
}

// tile4 is the product kernel for panels of 4 columns. Two rows at a time need
// 8 sums, 4 weights and 2 values of A: as many as amd64 has registers for.
func tile4(t *Tile) {
	m, i := t.Rows*t.Tiles, 0
	for ; i+2 <= m; i += 2 {
		t.twoRows(i)
	}
	if i < m {
		t.oneRow(i)
	}
}

func (t *Tile) twoRows(i int) {
	var c00, c01, c02, c03, c10, c11, c12, c13 float32
	b := t.B
	for _, off := range t.Offs {
		a0 := t.A[i*t.LDA+off:][:t.K]
		a1 := t.A[(i+1)*t.LDA+off:][:len(a0)]
		for k, x0 := range a0 {
			x1, w := a1[k], (*[4]float32)(b[4*k:])
			c00 += x0 * w[0]
			c01 += x0 * w[1]
			c02 += x0 * w[2]
			c03 += x0 * w[3]
			c10 += x1 * w[0]
			c11 += x1 * w[1]
			c12 += x1 * w[2]
			c13 += x1 * w[3]
		}
		b = b[4*t.K:]
	}
	t.finish(i, [4]float32{c00, c01, c02, c03})
	t.finish(i+1, [4]float32{c10, c11, c12, c13})
}

func (t *Tile) oneRow(i int) {
	var c0, c1, c2, c3 float32
	b := t.B
	for _, off := range t.Offs {
		for k, x := range t.A[i*t.LDA+off:][:t.K] {
			w := (*[4]float32)(b[4*k:])
			c0 += x * w[0]
			c1 += x * w[1]
			c2 += x * w[2]
			c3 += x * w[3]
		}
		b = b[4*t.K:]
	}
	t.finish(i, [4]float32{c0, c1, c2, c3})
}

// finish adds bias and residual, clips, and stores one row of sums.
func (t *Tile) finish(i int, sum [4]float32) {
	c := t.C[i*t.LDC:][:t.Cols]
	for j := range c {
		v := sum[j] + t.Bias[j]
		if t.R != nil {
			v += t.R[i*t.LDR+j]
		}
		c[j] = clip(v, t.Lo, t.Hi)
	}
}

// clip bounds v; NaN passes.
func clip(v, lo, hi float32) float32 {
	if v < lo {
		return lo
	}
	if v > hi {
		return hi
	}
	return v
}
