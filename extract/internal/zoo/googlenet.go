package zoo

import "featstore/extract/internal/onnx/onnxtest"

// googLeNet is the first Inception network: with local response normalisation as
// Caffe has it, and without and with a 3×3 for the 5×5 as torchvision has it.
func googLeNet(b *builder) {
	x := b.rescaled(b.image())
	x = b.cbr(x, 64, 7, 7, 2, 0)
	x = b.halve(x)
	if b.ir == 3 {
		x = b.lrn(x)
	}
	x = b.cbr(x, 64, 1, 1, 1, 0)
	x = b.cbr(x, 192, 3, 3, 1, 0)
	if b.ir == 3 {
		x = b.lrn(x)
	}
	x = b.halve(x)
	for i, m := range [][6]int{{64, 96, 128, 16, 32, 32}, {128, 128, 192, 32, 96, 64}, {192, 96, 208, 16, 48, 64},
		{160, 112, 224, 24, 64, 64}, {128, 128, 256, 24, 64, 64}, {112, 144, 288, 32, 64, 64}, {256, 160, 320, 32, 128, 128},
		{256, 160, 320, 32, 128, 128}, {384, 192, 384, 48, 128, 128}} {
		x = b.inception(x, m)
		if i == 1 || i == 6 {
			x = b.halve(x)
		}
	}
	v := b.globalPool(x)
	if b.ir == 3 {
		b.classify(v, x.c)
		b.softmax()
		return
	}
	b.classify(v, x.c)
}

// halve pools by two, windows that hang over the edge included: as ceil_mode, or as
// padding at the end where the converter has worked that out.
func (b *builder) halve(x fmap) fmap {
	if b.ir == 3 {
		return b.maxPool(x, 3, 2, valid, onnxtest.Attrs{"pads": []int{0, 0, 1 - x.h%2, 1 - x.w%2}})
	}
	return b.maxPool(x, 3, 2, valid, onnxtest.Attrs{"ceil_mode": 1})
}

// inception is the block of four branches. m holds the channels of the 1×1, the
// 3×3 and what comes before it, the 5×5 and what comes before it, and the pooling.
func (b *builder) inception(x fmap, m [6]int) fmap {
	k := 5
	if b.producer == "pytorch" {
		k = 3
	}
	one := b.cbr(x, m[0], 1, 1, 1, 0)
	three := b.cbr(b.cbr(x, m[1], 1, 1, 1, 0), m[2], 3, 3, 1, 0)
	five := b.cbr(b.cbr(x, m[3], 1, 1, 1, 0), m[4], k, k, 1, 0)
	pooled := b.cbr(b.maxPool(x, 3, 1, 1, nil), m[5], 1, 1, 1, 0)
	return b.join(one, three, five, pooled)
}
