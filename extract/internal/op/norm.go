package op

import (
	"math"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/tensor"
)

// batchNormalization with the running mean and variance, as at inference, or in
// training mode with those of its input.
func batchNormalization(c *call) []*tensor.Tensor {
	x := c.float(0)
	require(len(x.Shape) >= 1, "the input is a scalar")
	if TrainingMode(c.Node, c.opset) {
		return batchNormalizationTraining(c, x)
	}
	for i := 1; i < len(c.Outputs); i++ {
		require(!c.wants(i), "output %d exists in training mode only", i)
	}
	from, to := 1, min(2, len(x.Shape)) // the axes that have statistics of their own
	if !c.flag("spatial", true) {
		to = len(x.Shape)
	}
	if len(x.Shape) == 1 {
		from, to = 0, 0
	}
	n, inner := tensor.Len(x.Shape[from:to]), tensor.Len(x.Shape[to:])
	c.requireStatistics(n)
	y := c.floats(x.DType, x.Shape, func(out []float64) {
		normalize(out, floatsOf(x), c.channelMap(floatsOf(c.in[3]), floatsOf(c.in[4])), inner)
	})
	return append(make([]*tensor.Tensor, 0, 5), y, nil, nil, nil, nil)
}

// TrainingMode reports whether a BatchNormalization normalizes by the mean and the
// variance of its input: since opset 14 an attribute says so, before that the further
// results that it is asked for, and before opset 7 the attribute is_test.
func TrainingMode(n *graph.Node, opset int64) bool {
	_, told := n.Attrs["is_test"]
	switch {
	case opset >= 14:
		return n.Int("training_mode", 0) != 0
	case opset < 7 && told:
		return n.Int("is_test", 0) == 0
	}
	return len(n.Outputs) > 1 && slices.ContainsFunc(n.Outputs[1:], func(name string) bool { return name != "" })
}

// requireStatistics checks scale, bias, mean and variance, n values each.
func (c *call) requireStatistics(n int) {
	for i := 1; i <= 4; i++ {
		require(isFloat(c.input(i).DType) && tensor.Len(c.input(i).Shape) == n, "input %d is %v: %d values are needed", i, c.input(i), n)
	}
}

// batchNormalizationTraining normalizes by the statistics of all values of a channel.
// Further results are the running mean and variance, moved towards those by 1−momentum,
// and until opset 13 the mean and the variance themselves.
func batchNormalizationTraining(c *call, x *tensor.Tensor) []*tensor.Tensor {
	require(len(x.Shape) >= 2, "an input of shape %v has no channels", x.Shape)
	if !c.flag("spatial", true) {
		unsupported("training mode with statistics of every position")
	}
	n, inner := x.Shape[1], tensor.Len(x.Shape[2:])
	c.requireStatistics(n)
	c.work(3, tensor.Len(x.Shape))
	var mean, variance []float64
	if c.known() {
		mean, variance = channelStatistics(floatsOf(x), n, inner)
	}
	y := c.floats(x.DType, x.Shape, func(out []float64) {
		normalize(out, floatsOf(x), c.channelMap(mean, variance), inner)
	})
	momentum := c.real("momentum", 0.9)
	running := func(i int, now []float64) *tensor.Tensor {
		return c.floats(c.in[i].DType, []int{n}, func(out []float64) {
			for k, before := range floatsOf(c.in[i]) {
				out[k] = before*momentum + now[k]*(1-momentum)
			}
		})
	}
	saved := func(now []float64) *tensor.Tensor {
		return c.floats(x.DType, []int{n}, func(out []float64) { copy(out, now) })
	}
	results := []*tensor.Tensor{y, running(3, mean), running(4, variance)}
	if c.opset < 14 {
		results = append(results, saved(mean), saved(variance))
	}
	return results
}

// channelStatistics returns the mean and the variance of each of n channels. Values of
// a channel come inner at a time.
func channelStatistics(x []float64, n, inner int) (mean, variance []float64) {
	mean, variance = make([]float64, n), make([]float64, n)
	each := float64(len(x) / max(n, 1))
	for i, v := range x {
		mean[i/inner%n] += v / each
	}
	for i, v := range x {
		d := v - mean[i/inner%n]
		variance[i/inner%n] += d * d / each
	}
	return mean, variance
}

// A channelMap is (x−mean)·scale + shift, channel by channel.
type channelMap struct{ mean, scale, shift []float64 }

// channelMap is the normalization by a mean and a variance, with scale and bias.
func (c *call) channelMap(mean, variance []float64) channelMap {
	eps := c.real("epsilon", 1e-5)
	m := channelMap{mean: mean, scale: floatsOf(c.in[1]), shift: floatsOf(c.in[2])}
	scale := make([]float64, len(m.scale))
	for k, s := range m.scale {
		scale[k] = s / math.Sqrt(variance[k]+eps)
	}
	m.scale = scale
	return m
}

func normalize(out, x []float64, m channelMap, inner int) {
	n := len(m.scale)
	for i, v := range x {
		k := i / inner % n
		out[i] = (v-m.mean[k])*m.scale[k] + m.shift[k]
	}
}

// standardize brings values to mean 0 and variance 1, and returns the mean and
// 1/√(variance+ε).
func standardize(v []float64, eps float64) (mean, inv float64) {
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	variance := 0.0
	for _, x := range v {
		variance += (x - mean) * (x - mean)
	}
	inv = 1 / math.Sqrt(variance/float64(len(v))+eps)
	for i, x := range v {
		v[i] = (x - mean) * inv
	}
	return mean, inv
}

// instanceNormalization standardises each channel of each image.
func instanceNormalization(c *call) []*tensor.Tensor {
	x := c.float(0)
	require(len(x.Shape) >= 3, "input of shape %v: N×C×spatial is needed", x.Shape)
	return one(c.normalizeGroups(x, x.Shape[1], x.Shape[1]))
}

// groupNormalization standardises groups of channels of each image. Until opset 21
// scale and bias were given for each group, since then for each channel.
func groupNormalization(c *call) []*tensor.Tensor {
	x := c.float(0)
	require(len(x.Shape) >= 2, "input of shape %v: N×C×spatial is needed", x.Shape)
	groups := c.int("num_groups", 0)
	require(groups >= 1 && x.Shape[1]%groups == 0, "num_groups %d does not suit %d channels", groups, x.Shape[1])
	scales := x.Shape[1]
	if c.opset < 21 {
		scales = groups
	}
	return one(c.normalizeGroups(x, groups, scales))
}

// normalizeGroups standardises groups of channels, then applies the scales and
// biases of inputs 1 and 2, of which each serves equally many channels.
func (c *call) normalizeGroups(x *tensor.Tensor, groups, scales int) *tensor.Tensor {
	scale, bias := c.float(1), c.float(2)
	require(slices.Equal(scale.Shape, []int{scales}) && slices.Equal(bias.Shape, scale.Shape), "scale %v and bias %v: %d values are needed",
		scale, bias, scales)
	eps := c.real("epsilon", 1e-5)
	return c.floats(x.DType, x.Shape, func(out []float64) {
		copy(out, floatsOf(x))
		n := len(out) / (x.Shape[0] * groups)
		for g := range x.Shape[0] * groups {
			standardize(out[g*n:][:n], eps)
		}
		s, b := floatsOf(scale), floatsOf(bias)
		run := len(out) / (x.Shape[0] * scales) // elements that share a scale
		for i := range out {
			k := i / run % scales
			out[i] = out[i]*s[k] + b[k]
		}
	})
}

// layerNormalization standardises over all axes from "axis" on. The further
// outputs are the mean and 1/standard deviation.
func layerNormalization(c *call) []*tensor.Tensor {
	x := c.float(0)
	return c.normalizeLayer(x, c.int("axis", -1), c.real("epsilon", 1e-5), c.opt(1), c.opt(2), standardize)
}

// rmsNormalization divides by the root of the mean square, without subtracting the
// mean.
func rmsNormalization(c *call) []*tensor.Tensor {
	x := c.float(0)
	return c.normalizeLayer(x, c.int("axis", -1), c.real("epsilon", 1e-5), c.opt(1), nil, rootMeanSquare)
}

func rootMeanSquare(v []float64, eps float64) (mean, inv float64) {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	inv = 1 / math.Sqrt(sum/float64(len(v))+eps)
	for i := range v {
		v[i] *= inv
	}
	return 0, inv
}

// normalizeLayer applies f to the part of x from the axis on, then scale and bias,
// broadcast to x.
func (c *call) normalizeLayer(x *tensor.Tensor, from int, eps float64, scale, bias *tensor.Tensor,
	f func(v []float64, eps float64) (mean, inv float64)) []*tensor.Tensor {
	require(len(x.Shape) >= 1, "the input is a scalar")
	a := axis(from, len(x.Shape))
	for _, t := range []*tensor.Tensor{scale, bias} {
		if t != nil {
			stretchedStrides(t.Shape, x.Shape)
		}
	}
	n := tensor.Len(x.Shape[a:])
	stats := without(x.Shape, sequence(len(x.Shape))[a:], true)
	var means, invs []float64
	y := c.floats(x.DType, x.Shape, func(out []float64) {
		copy(out, floatsOf(x))
		for o := range len(out) / n {
			mean, inv := f(out[o*n:][:n], eps)
			means, invs = append(means, mean), append(invs, inv)
		}
		affine(out, x.Shape, scale, bias)
	})
	statistic := func(i int, v *[]float64) *tensor.Tensor {
		if !c.wants(i) {
			return nil
		}
		return c.floats(tensor.Float32, stats, func(out []float64) { copy(out, *v) })
	}
	return []*tensor.Tensor{y, statistic(1, &means), statistic(2, &invs)}
}

// affine multiplies by the scale and adds the bias, both broadcast to the shape and
// both optional.
func affine(out []float64, shape []int, scale, bias *tensor.Tensor) {
	if scale != nil {
		v := floatsOf(scale)
		for i, j := range view(shape, stretchedStrides(scale.Shape, shape), 0) {
			out[i] *= v[j]
		}
	}
	if bias != nil {
		v := floatsOf(bias)
		for i, j := range view(shape, stretchedStrides(bias.Shape, shape), 0) {
			out[i] += v[j]
		}
	}
}

// lrn divides by a power of the sum of squares over "size" neighbouring channels.
func lrn(c *call) []*tensor.Tensor {
	x := c.float(0)
	require(len(x.Shape) >= 2, "input of shape %v: N×C×spatial is needed", x.Shape)
	size := c.int("size", 0)
	require(size >= 1, "size %d: at least 1 is needed", size)
	alpha, beta, bias := c.real("alpha", 1e-4), c.real("beta", 0.75), c.real("bias", 1)
	channels, inner := x.Shape[1], tensor.Len(x.Shape[2:])
	size = min(size, 2*channels+1) // more reaches no further
	c.work(append(slices.Clone(x.Shape), size)...)
	n := c.int("size", 0)
	return one(c.floats(x.DType, x.Shape, func(out []float64) {
		v := floatsOf(x)
		for i := range out {
			ch := i / inner % channels
			sum := 0.0
			for k := max(ch-(n-1)/2, 0); k <= min(ch+n/2, channels-1); k++ {
				u := v[i+(k-ch)*inner]
				sum += u * u
			}
			out[i] = v[i] / math.Pow(bias+alpha/float64(n)*sum, beta)
		}
	}))
}

// meanVarianceNormalization standardises along the axes, all but the channels by
// default.
func meanVarianceNormalization(c *call) []*tensor.Tensor {
	x := c.float(0)
	list := c.list("axes")
	if list == nil {
		list = []int{0, 2, 3}
	}
	list = axes(list, len(x.Shape))
	return one(c.floats(x.DType, x.Shape, func(out []float64) {
		v, to := floatsOf(x), reducedView(x.Shape, list)
		size := tensor.Len(without(x.Shape, list, false))
		sum, squares := make([]float64, size), make([]float64, size)
		n := float64(len(out) / size)
		for i, o := range to {
			sum[o] += v[i] / n
		}
		for i, o := range to {
			squares[o] += (v[i] - sum[o]) * (v[i] - sum[o]) / n
		}
		for i, o := range to {
			out[i] = (v[i] - sum[o]) / (math.Sqrt(squares[o]) + 1e-9)
		}
	}))
}

// lpNormalization divides each lane by its 1-norm or 2-norm. A lane of zeros stays.
func lpNormalization(c *call) []*tensor.Tensor {
	x := c.float(0)
	p := c.int("p", 2)
	require(p == 1 || p == 2, "p=%d: 1 or 2 is needed", p)
	require(len(x.Shape) >= 1, "the input is a scalar")
	outer, n, inner := lanes(x.Shape, axis(c.int("axis", -1), len(x.Shape)))
	return one(c.floats(x.DType, x.Shape, func(out []float64) {
		eachLane(out, floatsOf(x), outer, n, inner, func(lane []float64) {
			norm := 0.0
			for _, v := range lane {
				norm += math.Pow(math.Abs(v), float64(p))
			}
			norm = math.Pow(norm, 1/float64(p))
			for k := range lane {
				if norm != 0 {
					lane[k] /= norm
				}
			}
		})
	}))
}
