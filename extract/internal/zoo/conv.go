package zoo

import (
	"featstore/extract/internal/onnx/onnxtest"
)

// A conv describes a convolution with its normalisation and activation.
type conv struct {
	out    int // channels; 0 for as many as come in
	k, kw  int // height and width of the kernel; kw 0 for a square one
	stride int // 0 for 1
	pad    int // 0 to keep the size (divided by the stride), valid for none
	groups int // 0 for 1, depthwise for one a channel
	act    string
	gain   float64 // factor on the weights' deviation; 0 for 1
	plain  bool    // a bias instead of batch normalisation
	bare   bool    // neither

	standardized bool // weights of mean 0 and the same variance for each output, and a bias
}

const (
	valid     = -1 // a conv's pad
	depthwise = -1 // a conv's groups
)

// branch is the gain of the last layer of a residual branch: with it the sum grows
// slowly however many blocks there are.
const branch = 0.4

// gated is the gain behind a gate, which halves what passes.
const gated = 2

func (c *conv) complete(x fmap) {
	if c.out == 0 {
		c.out = x.c
	}
	if c.kw == 0 {
		c.kw = c.k
	}
	if c.groups == depthwise {
		c.groups = x.c
	}
	c.stride, c.groups = max(c.stride, 1), max(c.groups, 1)
	if c.gain == 0 {
		c.gain = 1
	}
}

// conv adds a convolution with what belongs to it.
func (b *builder) conv(x fmap, c conv) fmap {
	c.complete(x)
	if b.quantized == integer {
		return b.qlinearConv(x, c)
	}
	in := append([]string{""}, b.convWeights(x, c)...)
	if c.standardized {
		in[1] = b.standardize(in[1], x.c/c.groups, c)
	}
	x, attrs := b.padded(x, c.k, c.kw, c.stride, c.pad)
	attrs["group"] = c.groups
	attrs["dilations"] = []int{1, 1}
	y := b.window(x, attrs, c.out, func(s string) string {
		in[0] = s
		return b.Op("Conv", in, attrs)
	})
	if b.norms && !c.plain && !c.bare {
		y = b.batchNorm(y)
	}
	y.name = b.requantize(b.activate(c.act, y.name), quantAfter(c.act))
	return y
}

// batchNorm adds a batch normalisation of x. The converter from TensorFlow writes
// one that follows an addition as Mul and Add along the last axis.
func (b *builder) batchNorm(x fmap) fmap {
	scale, bias := b.sharable("bn.weight", 0.8, 1.2, x.c), b.sharable("bn.bias", -0.2, 0.2, x.c)
	mean, variance := b.sharable("bn.mean", -0.2, 0.2, x.c), b.sharable("bn.var", 0.8, 1.3, x.c)
	b.params -= 2 * x.c // mean and variance are not learned
	attrs := onnxtest.Attrs{"epsilon": 1e-5, "momentum": 0.9}
	if b.producer == "tf2onnx" {
		attrs = onnxtest.Attrs{"epsilon": 1e-3}
	}
	return b.channelsFirst(x, func(s string) string {
		return b.Op("BatchNormalization", []string{s, scale, bias, mean, variance}, attrs)
	})
}

// standardize brings the weights of each output to mean 0 and one variance, as
// PyTorch's exporter writes it where the network calls batch_norm on its weights: a
// BatchNormalization in training mode. Until opset 13 it is one by its further
// results, which nobody reads.
func (b *builder) standardize(w string, in int, c conv) string {
	deviation := c.gain * gains[c.act] / sqrt(in*c.k*c.kw)
	gain := b.uniform(b.layer("gain"), 0.9*deviation, 1.1*deviation, c.out)
	zeros, ones := make([]float32, c.out), make([]float32, c.out)
	for i := range ones {
		ones[i] = 1
	}
	attrs, outputs := onnxtest.Attrs{"epsilon": 1e-6, "momentum": 1.0}, 5
	if b.opset >= 14 {
		attrs["training_mode"], outputs = 1, 3
	}
	zero, one := b.constant(b.floats(zeros, c.out)), b.constant(b.floats(ones, c.out))
	flat := b.reshape(w, 1, c.out, -1)
	flat = b.Ops("BatchNormalization", outputs, []string{flat, gain, zero, zero, one}, attrs)[0]
	return b.reshape(flat, c.out, in, c.k, c.kw)
}

// channelsFirst applies what only takes N×C×H×W, between Transposes if need be.
func (b *builder) channelsFirst(x fmap, f func(string) string) fmap {
	if !b.nhwc {
		x.name = f(x.name)
		return x
	}
	x.name = b.permute(f(b.permute(x.name, 0, 3, 1, 2)), 0, 2, 3, 1)
	return x
}

// window applies a convolution or pooling with the given attributes.
func (b *builder) window(x fmap, attrs onnxtest.Attrs, out int, f func(string) string) fmap {
	y := b.channelsFirst(x, f)
	k, s := attrs["kernel_shape"].([]int), attrs["strides"].([]int)
	y.c = out
	if attrs["auto_pad"] == "SAME_UPPER" {
		y.h, y.w = (x.h+s[0]-1)/s[0], (x.w+s[1]-1)/s[1]
		return y
	}
	p := attrs["pads"].([]int)
	up := 0
	if attrs["ceil_mode"] == 1 {
		up = s[0] - 1
	}
	y.h, y.w = (x.h+p[0]+p[2]-k[0]+up)/s[0]+1, (x.w+p[1]+p[3]-k[1]+up)/s[1]+1
	if (y.h-1)*s[0] >= x.h+p[0] { // a window of padding alone does not count
		y.h, y.w = y.h-1, y.w-1
	}
	return y
}

// padded returns the attributes of a window of k×kw, and x with a Pad node behind
// it where the exporter writes one.
func (b *builder) padded(x fmap, k, kw, stride, pad int) (fmap, onnxtest.Attrs) {
	attrs := onnxtest.Attrs{"kernel_shape": []int{k, kw}, "strides": []int{stride, stride}, "pads": []int{0, 0, 0, 0}}
	switch {
	case pad == valid:
	case pad > 0:
		attrs["pads"] = []int{pad, pad, pad, pad}
	case b.pad == symmetric:
		attrs["pads"] = []int{k / 2, kw / 2, k / 2, kw / 2}
	case b.pad == padNode && stride > 1 && k > 1:
		x = b.padZeros(x, k)
	default:
		attrs["auto_pad"] = "SAME_UPPER"
		delete(attrs, "pads")
	}
	return x, attrs
}

// padZeros adds the Pad node that Keras puts before a strided convolution: half the
// kernel on each side, one less before an even size.
func (b *builder) padZeros(x fmap, k int) fmap {
	after := k / 2
	before := after - (1 - x.h%2)
	x.h, x.w = x.h+before+after, x.w+before+after
	pads := []int{0, 0, before, before, 0, 0, after, after}
	if b.nhwc {
		pads = []int{0, before, before, 0, 0, after, after, 0}
	}
	x.name = b.Op("Pad", []string{x.name, b.ints(pads...), b.scalar(0)}, onnxtest.Attrs{"mode": "constant"})
	return x
}
