package zoo

import "math"

// nfNetF0 is a residual network without normalization (Brock et al., "High-Performance
// Large-Scale Image Recognition Without Normalization", 2021): its weights are
// standardized instead, and every block scales what it adds.
func nfNetF0(b *builder) {
	x := b.image()
	for i, out := range []int{16, 32, 64, 128} {
		c := conv{out: b.ch(out), k: 3, stride: []int{2, 1, 1, 2}[i], act: "gelu", standardized: true}
		if i == 3 {
			c.act = "" // the first block begins with one
		}
		x = b.conv(x, c)
	}
	variance := 1.0
	for stage, n := range []int{1, 2, 6, 3} {
		out := b.ch([]int{256, 512, 1536, 1536}[stage])
		for i := range b.times(n) {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			x = b.nfBlock(x, out, stride, i == 0, variance)
			if i == 0 {
				variance = 1
			}
			variance += nfAlpha * nfAlpha
		}
	}
	x = b.conv(x, conv{out: b.ch(3072), k: 1, act: "gelu", standardized: true})
	b.classify(b.globalPool(x), x.c)
}

// nfAlpha is what each block's branch is multiplied by.
const nfAlpha = 0.2

// nfBlock adds α·branch(x/√variance) to x, or to a convolution of it.
func (b *builder) nfBlock(x fmap, out, stride int, project bool, variance float64) fmap {
	y := x
	y.name = b.activate("gelu", y.name)
	y = b.scaled(y, 1.7/math.Sqrt(variance)) // 1.7 makes up for what the activation takes
	shortcut := x
	if project {
		shortcut = y
		if stride > 1 {
			shortcut = b.avgPool(shortcut, 2, 2, valid, nil)
		}
		shortcut = b.conv(shortcut, conv{out: out, k: 1, standardized: true})
	}
	inner := max(8, out/2)
	groups := max(1, inner/128)
	y = b.conv(y, conv{out: inner, k: 1, act: "gelu", standardized: true})
	y = b.conv(y, conv{out: inner, k: 3, stride: stride, groups: groups, act: "gelu", standardized: true})
	y = b.conv(y, conv{out: inner, k: 3, groups: groups, act: "gelu", standardized: true})
	y = b.conv(y, conv{out: out, k: 1, standardized: true})
	y = b.scaled(b.excite(y, max(8, out/2), "relu", "sigmoid"), gated)
	return b.add(b.scaled(y, nfAlpha), shortcut)
}

// scaled multiplies by a number.
func (b *builder) scaled(x fmap, by float64) fmap {
	x.name = b.op("Mul", x.name, b.scalar(by))
	return x
}
