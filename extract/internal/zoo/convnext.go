package zoo

// convNeXtTiny has depthwise 7×7 convolutions, and dense layers with the channels
// last, between Transposes.
func convNeXtTiny(b *builder) {
	x := b.image()
	x = b.conv(x, conv{out: b.ch(96), k: 4, stride: 4, pad: valid, plain: true})
	x = b.layerNormMap(x)
	for i, n := range []int{3, 3, 9, 3} {
		if i > 0 {
			x = b.conv(b.layerNormMap(x), conv{out: b.ch(96 << i), k: 2, stride: 2, pad: valid, plain: true})
		}
		for range b.times(n) {
			x = b.convNeXtBlock(x)
		}
	}
	if b.producer == "tf2onnx" {
		b.classify(b.layerNorm(b.globalPool(x), x.c), x.c)
		return
	}
	x.name = b.op("GlobalAveragePool", x.name)
	x = b.layerNormMap(x)
	b.classify(b.with("Flatten", x.name, nil), x.c)
}

// toLast and toFirst move the channels of a feature map.
func (b *builder) toLast(x fmap) string {
	if b.nhwc {
		return x.name
	}
	return b.permute(x.name, 0, 2, 3, 1)
}

func (b *builder) toFirst(x string) string {
	if b.nhwc {
		return x
	}
	return b.permute(x, 0, 3, 1, 2)
}

// layerNormMap normalises each place of a feature map.
func (b *builder) layerNormMap(x fmap) fmap {
	x.name = b.toFirst(b.layerNorm(b.toLast(x), x.c))
	return x
}

func (b *builder) convNeXtBlock(x fmap) fmap {
	y := b.conv(x, conv{k: 7, groups: depthwise, plain: true})
	z := b.layerNorm(b.toLast(y), x.c)
	z = b.linear(b.linear(z, x.c, 4*x.c, "gelu", 1), 4*x.c, x.c, "", 1)
	name := b.layer("block") + ".layer_scale"
	if b.producer == "tf2onnx" {
		y.name = b.op("Mul", z, b.uniform(name, 0.2, 0.5, x.c))
		if !b.nhwc {
			y.name = b.toFirst(y.name)
		}
	} else {
		y.name = b.op("Mul", b.toFirst(z), b.uniform(name, 0.2, 0.5, x.c, 1, 1))
	}
	return b.add(y, x)
}
