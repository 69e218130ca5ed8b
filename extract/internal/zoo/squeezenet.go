package zoo

import "featstore/extract/internal/onnx/onnxtest"

// squeezeNet is version 1.1: its classes come from a 1×1 convolution, averaged
// afterwards.
func squeezeNet(b *builder) {
	x := b.image()
	x = b.conv(x, conv{out: b.ch(64), k: 3, stride: 2, pad: valid, act: "relu", plain: true})
	for i, f := range [][2]int{{16, 64}, {16, 64}, {32, 128}, {32, 128}, {48, 192}, {48, 192}, {64, 256}, {64, 256}} {
		if i == 0 || i == 2 || i == 4 {
			x = b.maxPool(x, 3, 2, valid, onnxtest.Attrs{"ceil_mode": 1})
		}
		s := b.conv(x, conv{out: b.ch(f[0]), k: 1, act: "relu", plain: true})
		x = b.join(b.conv(s, conv{out: b.ch(f[1]), k: 1, act: "relu", plain: true}),
			b.conv(s, conv{out: b.ch(f[1]), k: 3, act: "relu", plain: true}))
	}
	x.name = b.bottleneck(x.name, x.c, x.h, x.w)
	if b.opset < 12 {
		x.name = b.dropout(x.name)
	}
	x = b.conv(x, conv{out: b.Classes, k: 1, act: "relu", plain: true})
	b.model.Scores = b.globalPool(x)
}
