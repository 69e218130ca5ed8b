package train

import (
	"context"
	"fmt"
	"math"

	"featstore/split"
)

// How features are scaled before a classifier sees them.
const (
	ScaleNone     = "none"     // as the network gave them
	ScaleStandard = "standard" // each feature to mean 0 and standard deviation 1
	ScaleL2       = "l2"       // each image's features to Euclidean length 1
)

// Scalings lists the ways to scale features.
var Scalings = []string{ScaleNone, ScaleStandard, ScaleL2}

// A scaling is what a head does to features first. It is measured on the training
// images only. Where the features come from several networks, ScaleNone brings each
// network's block to the mean square length of the first one's, and ScaleL2 gives each
// block length 1: otherwise the network with the larger numbers would dominate.
type scaling struct {
	Kind   string `msgpack:"kind"`
	Blocks []int  `msgpack:"blocks"` // features of each network
	Shift  floats `msgpack:"shift"`  // a feature: (x − shift)·factor; empty for none
	Factor floats `msgpack:"factor"` // a feature; empty for none
}

// identity tells whether the scaling changes nothing.
func (s *scaling) identity() bool { return s.Kind != ScaleL2 && len(s.Factor) == 0 }

func (s *scaling) finite() bool { return allFinite(s.Factor) && allFinite(s.Shift) }

// apply sets dst to the scaled features of one image. dst may be x.
func (s *scaling) apply(dst, x []float32) {
	copy(dst, x)
	for k, f := range s.Factor {
		v := x[k]
		if len(s.Shift) > 0 {
			v -= s.Shift[k]
		}
		dst[k] = v * f
	}
	if s.Kind != ScaleL2 {
		return
	}
	at := 0
	for _, n := range s.Blocks {
		unit(dst[at : at+n])
		at += n
	}
}

// unit brings x to Euclidean length 1, unless it is zero.
func unit(x []float32) {
	length := math.Sqrt(squares(x))
	if length == 0 {
		return
	}
	for k, v := range x {
		x[k] = float32(float64(v) / length)
	}
}

// squares is the sum of the squares of x.
func squares(x []float32) float64 {
	var s float64
	for _, v := range x {
		s += float64(float64(v) * float64(v))
	}
	return s
}

// moments gathers, an image at a time, what a scaling is made from.
type moments struct {
	blocks    []int
	n         float64
	origin    []float64 // the first image: sums are of differences from it
	sums      []float64
	squares   []float64
	blockNorm []float64 // a block: sum of squared lengths
}

func newMoments(blocks []int) *moments {
	d := 0
	for _, n := range blocks {
		d += n
	}
	return &moments{blocks: blocks, sums: make([]float64, d), squares: make([]float64, d), blockNorm: make([]float64, len(blocks))}
}

func (m *moments) add(x []float32) {
	if m.origin == nil {
		for _, v := range x {
			m.origin = append(m.origin, float64(v))
		}
	}
	m.n++
	for k, v := range x {
		d := float64(v) - m.origin[k]
		m.sums[k] += d
		m.squares[k] += float64(d * d)
	}
	at := 0
	for b, n := range m.blocks {
		m.blockNorm[b] += squares(x[at : at+n])
		at += n
	}
}

// scaling makes the scaling of a kind.
func (m *moments) scaling(kind string) *scaling {
	s := &scaling{Kind: kind, Blocks: m.blocks}
	switch {
	case kind == ScaleStandard:
		s.Shift, s.Factor = m.standard()
	case kind == ScaleNone && len(m.blocks) > 1:
		s.Factor = m.balance()
	}
	return s
}

// standard returns mean and inverse standard deviation of each feature; 0 for one that
// never varies and so tells nothing.
func (m *moments) standard() (shift, factor floats) {
	for k, origin := range m.origin {
		mean := m.sums[k] / m.n
		variance := m.squares[k]/m.n - float64(mean*mean)
		shift = append(shift, float32(origin+mean))
		f := 0.0
		if floor := 1e-12 * float64(origin*origin); variance > floor {
			f = 1 / math.Sqrt(variance)
		}
		factor = append(factor, float32(f))
	}
	return shift, factor
}

// balance returns factors that give all blocks the first one's mean square length.
func (m *moments) balance() floats {
	var factor floats
	for b, n := range m.blocks {
		f := 1.0
		if m.blockNorm[b] > 0 && m.blockNorm[0] > 0 {
			f = math.Sqrt(m.blockNorm[0] / m.blockNorm[b])
		}
		for range n {
			factor = append(factor, float32(f))
		}
	}
	return factor
}

// fitScaling measures a table.
func fitScaling(kind string, t *table) *scaling {
	m := newMoments(t.dims)
	if kind == ScaleStandard || len(t.dims) > 1 {
		for _, row := range t.rows {
			m.add(row)
		}
	}
	return m.scaling(kind)
}

// fitScalingFromStore measures the training split in one pass, without keeping it.
func fitScalingFromStore(ctx context.Context, d *dataset, kind string) (*scaling, error) {
	ix := d.index(split.Training)
	m := newMoments(ix.Dims)
	if kind == ScaleL2 || kind == ScaleNone && len(ix.Dims) == 1 {
		return m.scaling(kind), nil
	}
	err := d.db.Each(ix, func(_ int, _ split.Digest, row []float32) error {
		m.add(row)
		return ctx.Err()
	})
	return m.scaling(kind), err
}

// check reports why the scaling cannot be one of dim features.
func (s *scaling) check(dim int) error {
	sum := 0
	for _, n := range s.Blocks {
		if n < 1 || n > dim {
			return fmt.Errorf("%w: a network of %d features", ErrHeadCorrupt, n)
		}
		sum += n
	}
	if sum != dim || (len(s.Factor) != 0 && len(s.Factor) != dim) || (len(s.Shift) != 0 && len(s.Shift) != len(s.Factor)) {
		return fmt.Errorf("%w: scaling of %d features with %d factors and %d shifts, want %d", ErrHeadCorrupt, sum, len(s.Factor), len(s.Shift), dim)
	}
	return nil
}
