package zoo

// shuffleNetV2 splits its channels in two halves and shuffles them: Reshape to
// groups, Transpose, Reshape back.
func shuffleNetV2(b *builder) {
	x := b.image()
	x = b.conv(x, conv{out: b.ch(24), k: 3, stride: 2, act: "relu"})
	x = b.maxPool(x, 3, 2, 0, nil)
	for i, n := range []int{4, 8, 4} {
		out := 2 * b.ch([]int{58, 116, 232}[i])
		x = b.shuffleDown(x, out)
		for range b.times(n) - 1 {
			x = b.shuffleUnit(x)
		}
	}
	x = b.conv(x, conv{out: b.ch(1024), k: 1, act: "relu"})
	b.classify(b.shuffleMean(x), x.c)
}

// shuffleMean is x.mean([2, 3]).
func (b *builder) shuffleMean(x fmap) string { return b.reduceMean(x.name, 0, 2, 3) }

// shuffleDown halves the size in both branches.
func (b *builder) shuffleDown(x fmap, out int) fmap {
	left := b.conv(x, conv{k: 3, stride: 2, groups: depthwise})
	left = b.conv(left, conv{out: out / 2, k: 1, act: "relu"})
	right := b.conv(x, conv{out: out / 2, k: 1, act: "relu"})
	right = b.conv(right, conv{k: 3, stride: 2, groups: depthwise})
	right = b.conv(right, conv{out: out / 2, k: 1, act: "relu"})
	return b.shuffle(b.join(left, right))
}

// shuffleUnit leaves one half of the channels as it is.
func (b *builder) shuffleUnit(x fmap) fmap {
	halves := b.splitInto(x.name, 1, x.c/2, x.c/2)
	left, right := x, x
	left.name, left.c = halves[0], x.c/2
	right.name, right.c = halves[1], x.c/2
	right = b.conv(right, conv{k: 1, act: "relu"})
	right = b.conv(right, conv{k: 3, groups: depthwise})
	right = b.conv(right, conv{k: 1, act: "relu"})
	return b.shuffle(b.join(left, right))
}

func (b *builder) shuffle(x fmap) fmap {
	var n, h, w size = b.batchOf(x.name), x.h, x.w
	if b.dims {
		h, w = b.dimOf(x.name, 2), b.dimOf(x.name, 3)
	}
	y := b.permute(b.reshape(x.name, n, 2, x.c/2, h, w), 0, 2, 1, 3, 4)
	if b.dims {
		n = -1
	}
	x.name = b.reshape(y, n, x.c, h, w)
	return x
}
