package zoo

// denseNet121 joins the results of all layers of a block. It normalises before each
// convolution, so normalisation stays a node of its own.
func denseNet121(b *builder) {
	growth := b.ch(32)
	x := b.image()
	x = b.conv(x, conv{out: b.ch(64), k: 7, stride: 2, act: "relu"})
	x = b.maxPool(x, 3, 2, 0, nil)
	for i, n := range []int{6, 12, 24, 16} {
		if i > 0 {
			x = b.conv(b.normRelu(x), conv{out: x.c / 2, k: 1, bare: true})
			x = b.avgPool(x, 2, 2, valid, nil)
		}
		for range b.times(n) {
			y := b.conv(b.normRelu(x), conv{out: 4 * growth, k: 1, act: "relu"})
			y = b.conv(y, conv{out: growth, k: 3, bare: true})
			x = b.join(x, y)
		}
	}
	x = b.normRelu(x)
	b.classify(b.globalPool(x), x.c)
}

func (b *builder) normRelu(x fmap) fmap { return b.relu(b.batchNorm(x)) }
