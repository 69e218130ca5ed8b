package zoo

import "featstore/extract/internal/onnx/onnxtest"

// vgg16 is the 16-layer network of Simonyan and Zisserman.
func vgg16(b *builder) {
	x := b.image()
	for i, n := range []int{2, 2, 3, 3, 3} {
		for range b.times(n) {
			x = b.conv(x, conv{out: b.ch([]int{64, 128, 256, 512, 512}[i]), k: 3, act: "relu", plain: true})
		}
		x = b.maxPool(x, 2, 2, valid, nil)
	}
	in := x.c * x.h * x.w
	var v string
	if b.producer == "pytorch" {
		// AdaptiveAvgPool2d to a size that the map has already.
		x = b.avgPool(x, 1, 1, valid, nil)
		v = b.with("Flatten", x.name, onnxtest.Attrs{"axis": 1})
	} else {
		if b.transpose { // Keras flattens height × width × channels
			x.name = b.permute(x.name, 0, 2, 3, 1)
		}
		v = b.reshape(x.name, -1, in)
	}
	v = b.dense(v, in, b.ch(4096), "relu")
	v = b.dense(v, b.ch(4096), b.ch(4096), "relu")
	b.classify(v, b.ch(4096))
	if b.transpose {
		b.softmax()
	}
}
