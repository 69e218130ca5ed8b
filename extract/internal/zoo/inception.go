package zoo

import "featstore/extract/internal/onnx/onnxtest"

// inceptionV3 is the network of the retraining tutorials, of 299×299 pixels to 2048
// features.
func inceptionV3(b *builder) {
	x := b.rescaled(b.image())
	x = b.cbr(x, 32, 3, 3, 2, valid)
	x = b.cbr(x, 32, 3, 3, 1, valid)
	x = b.cbr(x, 64, 3, 3, 1, 0)
	x = b.maxPool(x, 3, 2, valid, nil)
	x = b.cbr(x, 80, 1, 1, 1, 0)
	x = b.cbr(x, 192, 3, 3, 1, valid)
	x = b.maxPool(x, 3, 2, valid, nil)
	for _, pool := range []int{32, 64, 64} {
		x = b.inceptionA(x, pool)
	}
	x = b.inceptionB(x)
	for _, inner := range []int{128, 160, 160, 192} {
		x = b.inceptionC(x, inner)
	}
	x = b.inceptionD(x)
	x = b.inceptionE(b.inceptionE(x))
	b.classify(b.globalPool(x), x.c)
}

// rescaled is torchvision's transform_input: it takes the input as normalised for
// other networks and scales each channel anew.
func (b *builder) rescaled(x fmap) fmap {
	if b.producer != "pytorch" || !b.constants {
		return x
	}
	parts := make([]string, 3)
	for i, std := range []float64{0.229, 0.224, 0.225} {
		c := b.unsqueeze(b.gather(x.name, b.index(i), 1), 1)
		mean := []float64{0.485, 0.456, 0.406}[i]
		parts[i] = b.op("Add", b.op("Mul", c, b.scalar(std/0.5)), b.scalar((mean-0.5)/0.5))
	}
	x.name = b.concat(1, parts...)
	return x
}

// cbr is convolution, normalisation and ReLU.
func (b *builder) cbr(x fmap, out, k, kw, stride, pad int) fmap {
	return b.conv(x, conv{out: b.ch(out), k: k, kw: kw, stride: stride, pad: pad, act: "relu"})
}

// pooled is the branch of average pooling. PyTorch counts the padding.
func (b *builder) pooled(x fmap, out int) fmap {
	extra := onnxtest.Attrs{"count_include_pad": 1}
	if b.producer != "pytorch" {
		extra = nil
	}
	return b.cbr(b.avgPool(x, 3, 1, 0, extra), out, 1, 1, 1, 0)
}

func (b *builder) inceptionA(x fmap, pool int) fmap {
	one := b.cbr(x, 64, 1, 1, 1, 0)
	five := b.cbr(b.cbr(x, 48, 1, 1, 1, 0), 64, 5, 5, 1, 0)
	three := b.cbr(b.cbr(b.cbr(x, 64, 1, 1, 1, 0), 96, 3, 3, 1, 0), 96, 3, 3, 1, 0)
	return b.join(one, five, three, b.pooled(x, pool))
}

func (b *builder) inceptionB(x fmap) fmap {
	three := b.cbr(x, 384, 3, 3, 2, valid)
	double := b.cbr(b.cbr(b.cbr(x, 64, 1, 1, 1, 0), 96, 3, 3, 1, 0), 96, 3, 3, 2, valid)
	return b.join(three, double, b.maxPool(x, 3, 2, valid, nil))
}

func (b *builder) inceptionC(x fmap, c int) fmap {
	one := b.cbr(x, 192, 1, 1, 1, 0)
	seven := b.cbr(b.cbr(b.cbr(x, c, 1, 1, 1, 0), c, 1, 7, 1, 0), 192, 7, 1, 1, 0)
	double := b.cbr(b.cbr(b.cbr(x, c, 1, 1, 1, 0), c, 7, 1, 1, 0), c, 1, 7, 1, 0)
	double = b.cbr(b.cbr(double, c, 7, 1, 1, 0), 192, 1, 7, 1, 0)
	return b.join(one, seven, double, b.pooled(x, 192))
}

func (b *builder) inceptionD(x fmap) fmap {
	three := b.cbr(b.cbr(x, 192, 1, 1, 1, 0), 320, 3, 3, 2, valid)
	seven := b.cbr(b.cbr(b.cbr(x, 192, 1, 1, 1, 0), 192, 1, 7, 1, 0), 192, 7, 1, 1, 0)
	seven = b.cbr(seven, 192, 3, 3, 2, valid)
	return b.join(three, seven, b.maxPool(x, 3, 2, valid, nil))
}

func (b *builder) inceptionE(x fmap) fmap {
	one := b.cbr(x, 320, 1, 1, 1, 0)
	three := b.cbr(x, 384, 1, 1, 1, 0)
	three = b.join(b.cbr(three, 384, 1, 3, 1, 0), b.cbr(three, 384, 3, 1, 1, 0))
	double := b.cbr(b.cbr(x, 448, 1, 1, 1, 0), 384, 3, 3, 1, 0)
	double = b.join(b.cbr(double, 384, 1, 3, 1, 0), b.cbr(double, 384, 3, 1, 1, 0))
	return b.join(one, three, double, b.pooled(x, 192))
}
