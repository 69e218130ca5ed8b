package quantize

import (
	"math"

	"featstore/extract/internal/tensor"
)

// Weights are those of a layer as whole numbers, value = number·scale of its output.
type weights struct {
	numbers []int8
	scales  []float32
}

// largestWeight is symmetric: -128 is not used.
const largestWeight = 127

// shares of the largest weight of an output that are tried as its range.
var shares = []float64{1, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5}

// roundWeights finds the scale of each output with the least squared error of its
// weights, each counted by the mean square of the input that it is multiplied by.
func (l *layer) roundWeights(squares []float64) weights {
	type entry struct {
		place  int
		weight float64
		counts float64
	}
	if len(squares) != l.inputs() { // it reads other axes than another layer of the same value
		squares = make([]float64, l.inputs())
	}
	w := tensor.Values[float32](l.weight)
	rows := make([][]entry, l.outputs())
	floor := 0.0 // an input that is 0 in the whole sample counts a little
	for _, s := range squares {
		floor += 1e-3 * s / float64(len(squares))
	}
	l.each(func(place, output, input int) {
		rows[output] = append(rows[output], entry{place, float64(w[place]), squares[input] + floor + 1e-12})
	})
	r := weights{make([]int8, len(w)), make([]float32, l.outputs())}
	for o, row := range rows {
		largest := 0.0
		for _, e := range row {
			largest = max(largest, math.Abs(e.weight))
		}
		best := math.Inf(1)
		for _, share := range shares {
			scale := float32(max(largest*share/largestWeight, smallestScale))
			sum := 0.0
			for _, e := range row {
				d := e.weight - float64(float64(roundWeight(e.weight, scale))*float64(scale))
				sum += float64(e.counts * d * d)
			}
			if sum < best {
				best, r.scales[o] = sum, scale
			}
		}
		for _, e := range row {
			r.numbers[e.place] = roundWeight(e.weight, r.scales[o])
		}
	}
	return r
}

func roundWeight(w float64, scale float32) int8 {
	return int8(min(max(math.RoundToEven(w/float64(scale)), -largestWeight), largestWeight))
}

// values are the weights that the numbers stand for.
func (r *weights) values(l *layer) []float32 {
	v := make([]float32, len(r.numbers))
	l.eachRun(func(from, to, output int) {
		scale := r.scales[output]
		for i, n := range r.numbers[from:to] {
			v[from+i] = float32(n) * scale
		}
	})
	return v
}
