package zoo

// repVGGA0 adds a 3×3 convolution, a 1×1 and the map itself in each layer, as it is
// trained: each with a normalisation of its own.
func repVGGA0(b *builder) { repVGG(b, false) }

// repVGGA0Deployed has the three folded into one 3×3 convolution.
func repVGGA0Deployed(b *builder) { repVGG(b, true) }

func repVGG(b *builder, deployed bool) {
	x := b.image()
	for i, n := range []int{1, 2, 4, 14, 1} {
		out := b.ch([]int{48, 48, 96, 192, 1280}[i])
		for j := range b.times(n) {
			stride := 1
			if j == 0 {
				stride = 2
			}
			if deployed {
				x = b.conv(x, conv{out: out, k: 3, stride: stride, act: "relu", plain: true})
			} else {
				x = b.repVGGBlock(x, out, stride)
			}
		}
	}
	b.classify(b.globalPool(x), x.c)
}

func (b *builder) repVGGBlock(x fmap, out, stride int) fmap {
	y := b.conv(x, conv{out: out, k: 3, stride: stride})
	y = b.add(y, b.conv(x, conv{out: out, k: 1, stride: stride, pad: valid, gain: 0.5}))
	if stride == 1 && x.c == out {
		y = b.add(y, b.batchNorm(x))
	}
	return b.relu(y)
}
