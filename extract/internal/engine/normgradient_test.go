package engine

import (
	"fmt"
	"slices"
	"testing"

	"featstore/extract/internal/graph"
)

// normCases write group and instance normalisation as exporters do, of a value of 6
// channels, with the constants that have to be trained.
var normCases = map[string]func(b *builder, x string) (y string, trained []string){
	"instances": func(b *builder, x string) (string, []string) {
		w, c := b.positive(6), b.weights(6)
		return b.add("InstanceNormalization", nil, x, w, c), []string{w, c}
	},
	"groups, scaled by group": func(b *builder, x string) (string, []string) {
		b.Opsets[""] = 18
		w, c := b.positive(3), b.weights(3)
		return b.add("GroupNormalization", map[string]graph.Attr{"num_groups": int64(3), "epsilon": float32(0.01)}, x, w, c), []string{w, c}
	},
	"groups, scaled by channel": func(b *builder, x string) (string, []string) {
		b.Opsets[""] = 21
		w, c := b.positive(6), b.weights(6)
		return b.add("GroupNormalization", map[string]graph.Attr{"num_groups": int64(2)}, x, w, c), []string{w, c}
	},
	"one group": func(b *builder, x string) (string, []string) {
		b.Opsets[""] = 21
		w, c := b.positive(6), b.weights(6)
		return b.add("GroupNormalization", map[string]graph.Attr{"num_groups": int64(1)}, x, w, c), []string{w, c}
	},
	"groups written out": func(b *builder, x string) (string, []string) {
		shape := b.add("Shape", nil, x)
		ones, zeros := b.filled(1, 3), b.filled(0, 3)
		y := b.add("InstanceNormalization", nil, b.add("Reshape", nil, x, b.ints(0, 3, -1)), ones, zeros)
		w, c := b.positive(6, 1, 1), b.weights(6, 1, 1)
		return b.add("Add", nil, b.add("Mul", nil, b.add("Reshape", nil, y, shape), w), c), []string{w, c}
	},
}

// TestNormsOfGroups: group and instance normalisation run by fast steps, and have the
// gradients of the reference by their scales and shifts, not by what exporters fill in.
func TestNormsOfGroups(t *testing.T) {
	for name, build := range normCases {
		for _, batch := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s, %d images", name, batch), func(t *testing.T) {
				b := newBuilder(4, batch, 3, 7, 6)
				x := b.conv("x", 3, 6, 3, 1, nil)
				y, trained := build(b, x)
				y = b.conv(b.add("Relu", nil, y), 6, 4, 1, 1, nil)
				if refs := b.check(t, y).Stats().References; len(refs) > 0 {
					t.Errorf("by reference: %q", refs)
				}
				b.checkTrained(t, y, trained...)
			})
		}
	}
}

// checkTrained compares the gradients with the reference, and sees that some constants
// are trained.
func (b *builder) checkTrained(t *testing.T, tap string, trained ...string) {
	t.Helper()
	var shape []int
	for _, d := range b.Inputs[0].Dims {
		shape = append(shape, d.Size)
	}
	opt := Options{Input: shape, ChannelsLast: fedChannelsLast(shape), Tap: tap, Pool: "none"}
	checkGradients(t, b.Graph, opt, 1e-4)
	tr, err := compileTrainingVerified(b.Graph, opt, 1)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range tr.Parameters() {
		names = append(names, p.Name)
	}
	for _, name := range trained {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not trained, but %q are", name, names)
		}
	}
	for name, v := range b.Initializers {
		if x, ok := v.Data.([]float32); ok && formula(x, []float32{0}) && slices.Contains(names, name) {
			t.Errorf("%s is trained", name)
		}
	}
}
