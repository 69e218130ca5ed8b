//go:build amd64 && !purego

package kernel

import "featstore/extract/cpu"

//go:generate go run -C _asm .

// setFor returns the kernels for a set of instructions.
func setFor(isa cpu.ISA) *Set {
	switch isa {
	case cpu.AVX512:
		return avx512
	case cpu.AVX2:
		return avx2
	}
	return portable
}

var avx512 = &Set{
	Name:         "avx512",
	panels:       avx512Panels,
	depthwise:    depthwiseBy(avx512Taps, avx512Depthwise),
	transform:    func(t *Transform) { t.by(avx512Transforms[t.NOut])(t) },
	maxInto:      avx512MaxInto,
	addInto:      avx512AddInto,
	mulInto:      avx512MulInto,
	roots:        avx512InverseRoots,
	affine:       avx512Affine,
	clip:         avx512Clip,
	fakeQuantize: avx512FakeQuantize,

	curves: map[Function]func(x []float32, a, b float32){
		Exp: avx512Exp, Sigmoid: avx512Sigmoid, SiLU: avx512SiLU, Tanh: avx512Tanh, Erf: avx512Erf, GELU: avx512GELU, GELUTanh: avx512GELUTanh,
		ELU: avx512ELU, Mish: avx512Mish, HardSigmoid: avx512HardSigmoid, HardSwish: avx512HardSwish, Leaky: avx512Leaky,
	},
	lanes:      16,
	sum:        avx512Sum,
	max:        avx512Max,
	sumSquares: avx512SumSquares,
	winograd:   avx512Winograd,
	bytes:      avx512Bytes(),

	outers:             avx512Outers,
	depthwiseGradients: avx512DepthwiseGradients,
	masked:             true,
	clipGradient:       avx512ClipGradient,
	addScaled:          avx512AddScaled,
}

var avx2 = &Set{
	Name:         "avx2",
	panels:       avx2Panels,
	depthwise:    wholeVectors(depthwiseBy(avx2Taps, avx2Depthwise), depthwiseRow),
	transform:    avx2Transform,
	maxInto:      avx2MaxInto,
	addInto:      avx2AddInto,
	mulInto:      avx2MulInto,
	roots:        avx2InverseRoots,
	affine:       avx2Affine,
	clip:         avx2Clip,
	fakeQuantize: avx2FakeQuantize,

	curves: map[Function]func(x []float32, a, b float32){
		Exp: avx2Exp, Sigmoid: avx2Sigmoid, SiLU: avx2SiLU, Tanh: avx2Tanh, Erf: avx2Erf, GELU: avx2GELU, GELUTanh: avx2GELUTanh,
		ELU: avx2ELU, Mish: avx2Mish, HardSigmoid: avx2HardSigmoid, HardSwish: avx2HardSwish, Leaky: avx2Leaky,
	},
	lanes:      8,
	sum:        avx2Sum,
	max:        avx2Max,
	sumSquares: avx2SumSquares,
	winograd:   avx2Winograd,
	bytes:      avx2Bytes(cpu.HasVNNI(cpu.AVX2)),

	outers:             avx2Outers,
	depthwiseGradients: avx2DepthwiseGradients,
	clipGradient:       avx2ClipGradient,
	addScaled:          avx2AddScaled,
}

// avx2Exact is avx2 where single channels are rounded as whole vectors are. That takes longer.
var avx2Exact = func() *Set {
	s := *avx2
	s.depthwise = wholeVectors(depthwiseBy(avx2Taps, avx2Depthwise), fusedDepthwise)
	return &s
}()

func (s *Set) exact() *Set {
	switch s {
	case portable:
		return portableExact
	case avx2:
		return avx2Exact
	}
	return s
}

// depthwiseBy chooses the kernel for a width and stride, or else the general one.
func depthwiseBy(taps map[tapKind][]func(*Depthwise), general func(*Depthwise)) func(*Depthwise) {
	var table [8][3][]func(*Depthwise) // width, stride: a map is slow for rows of a few pixels
	for k, f := range taps {
		table[k.width][k.stride] = f
	}
	return func(d *Depthwise) {
		if d.KW < len(table) {
			for stride := 1; stride <= 2; stride++ {
				if k := table[d.KW][stride]; k != nil && d.Step == stride*d.Tap {
					tiled(k, d)
					return
				}
			}
		}
		general(d)
	}
}

// wholeVectors leaves the channels behind the last whole vector to portable code:
// masked memory operands are slow on some processors that have no AVX-512, and
// hardly any network has such channels.
func wholeVectors(f, rest func(*Depthwise)) func(*Depthwise) {
	const lanes = 8
	return func(d *Depthwise) {
		if d.C%lanes == 0 {
			f(d)
			return
		}
		whole, k := *d, d.C/lanes*lanes
		if k > 0 {
			d.C = k
			f(d)
		}
		d.In, d.W, d.Bias, d.Out, d.C = d.In[k:], d.W[k:], d.Bias[k:], d.Out[k:], whole.C-k
		rest(d)
		*d = whole
	}
}

// avx2Transform is like wholeVectors for transforms.
func avx2Transform(t *Transform) {
	const lanes = 8
	all, k := *t, t.C/lanes*lanes
	if k > 0 {
		t.C = k
		t.by(avx2Transforms[t.NOut])(t)
	}
	if k == all.C {
		return
	}
	t.In, t.Out, t.C = t.In[k:], t.Out[k:], all.C-k
	if t.Bias != nil {
		t.Bias = t.Bias[k:]
	}
	if t.R != nil {
		t.R = t.R[k:]
	}
	transform(t)
	*t = all
}
