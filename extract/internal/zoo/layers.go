package zoo

import (
	"featstore/extract/internal/onnx/onnxtest"
)

// add sums feature maps of the same shape.
func (b *builder) add(x, y fmap) fmap {
	x.name = b.requantize(b.op("Add", x.name, y.name), quantOf(-8, 8))
	return x
}

// join concatenates the channels of feature maps.
func (b *builder) join(xs ...fmap) fmap {
	names, c := make([]string, len(xs)), 0
	for i, x := range xs {
		names[i], c = x.name, c+x.c
	}
	y := xs[0]
	y.name, y.c = b.concat(b.channelAxis(), names...), c
	return y
}

func (b *builder) channelAxis() int {
	if b.nhwc {
		return 3
	}
	return 1
}

// relu is the activation alone.
func (b *builder) relu(x fmap) fmap {
	x.name = b.requantize(b.activate("relu", x.name), quantAfter("relu"))
	return x
}

// maxPool takes the largest of k×k windows; pad as for a conv.
func (b *builder) maxPool(x fmap, k, stride, pad int, extra onnxtest.Attrs) fmap {
	y := b.pool2d("MaxPool", x, k, stride, pad, extra)
	if q, ok := b.quants[x.name]; ok {
		y.name = b.requantize(y.name, q)
	}
	return y
}

// avgPool takes the mean of k×k windows.
func (b *builder) avgPool(x fmap, k, stride, pad int, extra onnxtest.Attrs) fmap {
	return b.pool2d("AveragePool", x, k, stride, pad, extra)
}

func (b *builder) pool2d(op string, x fmap, k, stride, pad int, extra onnxtest.Attrs) fmap {
	x, attrs := b.padded(x, k, k, stride, pad)
	if b.opset < 10 {
		delete(extra, "ceil_mode")
	}
	for name, v := range extra {
		attrs[name] = v
	}
	return b.window(x, attrs, x.c, func(s string) string { return b.with(op, s, attrs) })
}

// spatial returns the axes of height and width.
func (b *builder) spatial() (int, int) {
	if b.nhwc {
		return 1, 2
	}
	return 2, 3
}

// globalPool averages a feature map to a vector of its channels.
func (b *builder) globalPool(x fmap) string {
	if b.quantized == integer {
		scale, zero := b.parameters(b.quants[x.name])
		x.name = b.op("DequantizeLinear", x.name, scale, zero)
	}
	y := b.mean(x)
	if b.quantized == around {
		y, b.model.Quantum = b.requantize(y, pooledRange), float64(pooledRange.scale)
	}
	return y
}

func (b *builder) mean(x fmap) string {
	h, w := b.spatial()
	switch b.style.pool {
	case meanSqueezed:
		return b.reduceMean(x.name, 0, h, w)
	case meanReshape:
		y := b.reduceMean(x.name, 1, -1, -2)
		return b.reshape(y, b.batchOf(y), x.c)
	case squeezeIf:
		return b.squeezeIf(b.op("GlobalAveragePool", x.name), 3, 2)
	case windowReshape:
		y := b.with("AveragePool", x.name, onnxtest.Attrs{"kernel_shape": []int{x.h, x.w}, "strides": []int{1, 1}})
		return b.reshape(y, 0, -1)
	}
	return b.with("Flatten", b.op("GlobalAveragePool", x.name), onnxtest.Attrs{"axis": 1})
}

// squeezeIf drops axes of x as TorchScript does where sizes may change: each only if
// it turns out to be 1.
func (b *builder) squeezeIf(x string, axes ...int) string {
	for _, axis := range axes {
		is1 := b.op("Equal", string(b.dimOf(x, axis)), b.index(1))
		then, other := b.Body("then"), b.Body("else")
		then.Output(b.in(then).squeeze(x, axis))
		other.Output(b.in(other).op("Identity", x))
		x = b.Op("If", []string{is1}, onnxtest.Attrs{"then_branch": then, "else_branch": other})
	}
	return x
}

// dense adds a fully connected layer on a vector.
func (b *builder) dense(x string, in, out int, act string) string {
	switch b.quantized {
	case around:
		return b.quantDense(x, in, out, act)
	case integer:
		return b.qlinearDense(x, in, out, act)
	}
	name := b.layer("fc")
	std := gains[act] / sqrt(in)
	if b.matMul {
		w := b.normal(name+".kernel", 0, std, in, out)
		bias := b.normal(name+".bias", 0, 0.1, out)
		return b.activate(act, b.op("Add", b.op("MatMul", x, w), bias))
	}
	w := b.normal(name+".weight", 0, std, out, in)
	bias := b.normal(name+".bias", 0, 0.1, out)
	attrs := onnxtest.Attrs{"alpha": 1.0, "beta": 1.0, "transB": 1}
	return b.activate(act, b.Op("Gemm", []string{x, w, bias}, attrs))
}

// bottleneck makes x the tap, whose sizes are dims for each image.
func (b *builder) bottleneck(x string, dims ...int) string {
	b.tapDims = dims
	if b.NameTap {
		x = b.As("bottleneck", "Identity", []string{x}, nil)
	}
	b.model.Tap = x
	return x
}

// classify makes class scores of the bottleneck x, a vector.
func (b *builder) classify(x string, dim int) {
	b.model.Scores = b.dense(b.bottleneck(x, dim), dim, b.Classes, "")
}

// softmax makes probabilities of the class scores.
func (b *builder) softmax() {
	b.model.Scores = b.with("Softmax", b.model.Scores, onnxtest.Attrs{"axis": -1})
}

// dropout adds the Dropout that older exporters leave in the model.
func (b *builder) dropout(x string) string {
	if b.opset < 12 {
		return b.with("Dropout", x, onnxtest.Attrs{"ratio": 0.5})
	}
	return b.op("Dropout", x, b.scalar(0.5))
}

// excite multiplies channels by gates that depend on all of x: squeeze and
// excitation.
func (b *builder) excite(x fmap, squeeze int, act, gate string) fmap {
	h, w := b.spatial()
	s := fmap{c: x.c, h: 1, w: 1}
	if b.style.pool == globalFlatten {
		s.name = b.op("GlobalAveragePool", x.name)
	} else {
		s.name = b.reduceMean(x.name, 1, h, w)
	}
	s = b.conv(s, conv{out: squeeze, k: 1, act: act, plain: true})
	s = b.conv(s, conv{out: x.c, k: 1, act: gate, plain: true})
	x.name = b.op("Mul", s.name, x.name)
	return x
}

// lrn is AlexNet's normalisation across neighbouring channels. alpha is larger
// than published for its effect to show at the scale of these activations.
func (b *builder) lrn(x fmap) fmap {
	x.name = b.with("LRN", x.name, onnxtest.Attrs{"size": 5, "alpha": 0.05, "beta": 0.75, "bias": 1.0})
	return x
}
