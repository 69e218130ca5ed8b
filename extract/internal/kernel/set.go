package kernel

import "featstore/extract/cpu"

// A Set is one implementation of all kernels. Its methods may be called from
// many goroutines at once.
type Set struct {
	Name string // "portable", "avx2" or "avx512"

	panels       []panelKind        // widths of product panels, widest first
	depthwise    func(d *Depthwise) // one row of a depthwise convolution
	transform    func(t *Transform)
	maxInto      func(dst, src []float32) // dst = max(dst, src)
	addInto      func(dst, src []float32) // dst += src
	mulInto      func(dst, src []float32) // dst *= src
	affine       func(dst, src []float32, scale, shift float32)
	roots        func(x []float32, _, _ float32) // x = x^(-3/4)
	clip         func(x []float32, lo, hi float32)
	fakeQuantize func(x []float32, step, inverse, lo, hi, unit, shift float32)

	curves     map[Function]func(x []float32, a, b float32) // those that the set has code for
	lanes      int                                          // floats of a vector, for the reductions
	sum        func(x []float32) float32                    // whole vectors, at least one
	max        func(x []float32) float32
	sumSquares func(x []float32) float32

	winograd []Winograd

	outers             []outerKind // kernels of outer products, widest first
	depthwiseGradients map[tapKind]func(d *DepthwiseGradient)
	masked             bool // whether these take any number of channels
	clipGradient       func(dst, src []float32, lo, hi float32)
	addScaled          func(dst, src []float32, factor float32)

	bytes byteKernels
}

// A panelKind is one width of panel with the kernels for it.
type panelKind struct {
	width int             // columns, a whole number of vectors
	rows  int             // most rows that one tile may have
	tile  []func(t *Tile) // by rows of a tile: tile[r] for 1 ≤ r ≤ rows
}

// Lanes is how many outputs the narrowest product kernel computes at once.
func (s *Set) Lanes() int { return s.panels[len(s.panels)-1].width }

// Exact returns the set whose products (Panel.Multiply), depthwise convolutions and Affine
// give the same bits on every machine, as kernels on bytes, sums and bounds always do. The
// portable one is several times as slow as s.
func (s *Set) Exact() *Set { return s.exact() }

// Sets returns the sets that this machine can run, the fastest first; the
// portable one is always the last.
func Sets() []*Set {
	var all []*Set
	for _, isa := range cpu.Supported() {
		all = append(all, setFor(isa))
	}
	return all
}

// Portable returns the set in plain Go.
func Portable() *Set { return portable }

// ByName returns the set called name, or the fastest one when name is "".
func ByName(name string) (*Set, error) {
	isa, err := cpu.ByName(name)
	if err != nil {
		return nil, err
	}
	return setFor(isa), nil
}

// Default returns the set for the instructions that package cpu chooses.
func Default() (*Set, error) {
	isa, err := cpu.Chosen()
	if err != nil {
		return nil, err
	}
	return setFor(isa), nil
}
