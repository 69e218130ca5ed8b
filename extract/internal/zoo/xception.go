package zoo

// xception is Chollet's network of depthwise separable convolutions, as Keras has
// it.
func xception(b *builder) {
	x := b.image()
	x = b.conv(x, conv{out: b.ch(32), k: 3, stride: 2, pad: valid, act: "relu"})
	x = b.conv(x, conv{out: b.ch(64), k: 3, pad: valid, act: "relu"})
	for i, c := range []int{128, 256, 728} {
		x = b.entry(x, b.ch(c), b.ch(c), i > 0)
	}
	for range b.times(8) {
		y := x
		for i := range 3 {
			gain := 1.0
			if i == 2 {
				gain = branch
			}
			y = b.separable(b.relu(y), x.c, "", gain)
		}
		x = b.add(y, x)
	}
	x = b.entry(x, b.ch(728), b.ch(1024), true)
	x = b.separable(x, b.ch(1536), "relu", 1)
	x = b.separable(x, b.ch(2048), "relu", 1)
	b.classify(b.globalPool(x), x.c)
	b.softmax()
}

// entry halves the size, with a convolution on the shortcut.
func (b *builder) entry(x fmap, inner, out int, relu bool) fmap {
	short := b.conv(x, conv{out: out, k: 1, stride: 2})
	if relu {
		x = b.relu(x)
	}
	x = b.separable(x, inner, "relu", 1)
	x = b.separable(x, out, "", branch)
	return b.add(b.maxPool(x, 3, 2, 0, nil), short)
}

// separable is a depthwise and a pointwise convolution with nothing between them.
func (b *builder) separable(x fmap, out int, act string, gain float64) fmap {
	x = b.conv(x, conv{k: 3, groups: depthwise, bare: true})
	return b.conv(x, conv{out: out, k: 1, act: act, gain: gain})
}
