package op

import (
	"math"

	"featstore/extract/internal/tensor"
)

// alongLanes makes an operator that maps each lane of an axis on its own. Before
// opset 13 the lane is the rest of the shape from the axis (1 by default) on;
// since then it is that axis (the last by default).
func alongLanes(f func(lane []float64)) impl {
	return func(c *call) []*tensor.Tensor {
		x := c.float(0)
		def := -1
		if c.opset < 13 {
			def = 1
		}
		var outer, n, inner int
		if a := c.int("axis", def); c.opset < 13 && a == len(x.Shape) {
			outer, n, inner = tensor.Len(x.Shape), 1, 1
		} else if len(x.Shape) == 0 {
			outer, n, inner = 1, 1, 1
		} else {
			outer, n, inner = lanes(x.Shape, axis(a, len(x.Shape)))
		}
		if c.opset < 13 {
			n, inner = n*inner, 1
		}
		return one(c.floats(x.DType, x.Shape, func(out []float64) {
			eachLane(out, floatsOf(x), outer, n, inner, f)
		}))
	}
}

// eachLane hands out copies of the lanes of x for f to change in place, and stores
// them in out.
func eachLane(out, x []float64, outer, n, inner int, f func(lane []float64)) {
	lane := make([]float64, n)
	for o := range outer {
		for i := range inner {
			base := o*n*inner + i
			for k := range lane {
				lane[k] = x[base+k*inner]
			}
			f(lane)
			for k, v := range lane {
				out[base+k*inner] = v
			}
		}
	}
}

// softmax makes the lane eˣ over its sum. The largest value is subtracted first,
// which changes nothing but overflow. A lane of nothing but -Inf becomes NaN.
func softmax(lane []float64) {
	peak, sum := math.Inf(-1), 0.0
	for _, v := range lane {
		peak = max(peak, v)
	}
	for k, v := range lane {
		lane[k] = math.Exp(v - peak)
		sum += lane[k]
	}
	for k := range lane {
		lane[k] /= sum
	}
}

func logSoftmax(lane []float64) {
	peak, sum := math.Inf(-1), 0.0
	for _, v := range lane {
		peak = max(peak, v)
	}
	for _, v := range lane {
		sum += math.Exp(v - peak)
	}
	for k := range lane {
		lane[k] -= peak + math.Log(sum)
	}
}

// hardmax makes the first largest value 1 and the others 0.
func hardmax(lane []float64) {
	best := 0
	for k, v := range lane {
		if v > lane[best] {
			best = k
		}
	}
	for k := range lane {
		lane[k] = 0
	}
	if len(lane) > 0 {
		lane[best] = 1
	}
}
