package engine

import (
	"math/rand/v2"
	"slices"
	"testing"

	"featstore/extract/internal/engine/exec"

	"pgregory.net/rapid"
)

// TestPermuteAgainstIndices: any order of any axes, those of one element included.
func TestPermuteAgainstIndices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.SampledFrom([]int{1, 2, 3, 5, 33}), 0, 5).Draw(t, "shape")
		order := rapid.Permutation(identityOrder(len(shape))).Draw(t, "order")
		total := 1
		for _, d := range shape {
			total *= d
		}
		src, got, want := make([]float32, total), make([]float32, total), []float32{}
		for i := range src {
			src[i] = float32(i)
		}
		forEachOffset(shape, order, func(at int) { want = append(want, src[at]) })
		var m exec.Moves
		for _, axis := range order {
			stride := 1
			for _, d := range shape[axis+1:] {
				stride *= d
			}
			m.Append(shape[axis], stride)
		}
		if m.Permute(got, src); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

// TestGatheredOrder: the order that is found lets the value be reshaped, and moves
// nothing when that is possible.
func TestGatheredOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	sizes := []int{1, 2, 3}
	for range 5000 {
		var shape, merged []int
		for len(shape) < 5 {
			d := sizes[rng.IntN(3)]
			shape = append(shape, d)
			if len(merged) > 0 && rng.IntN(2) == 0 {
				merged[len(merged)-1] *= d
			} else {
				merged = append(merged, d)
			}
		}
		for _, v := range []struct{ from, to []int }{{shape, merged}, {merged, shape}} {
			in := &value{shape: v.from, order: rng.Perm(len(v.from))}
			kept := reshapedOrder(in, v.to) != nil
			order := gatheredOrder(in, v.to)
			if kept && !sameBytes(order, in.order, v.from) {
				t.Fatalf("%v to %v from order %v: %v moves elements", v.from, v.to, in.order, order)
			}
			in.order = order
			if reshapedOrder(in, v.to) == nil {
				t.Fatalf("%v to %v: order %v does not do", v.from, v.to, order)
			}
		}
	}
}

func BenchmarkShuffle(b *testing.B) {
	var m exec.Moves
	m.Append(28*28, 116)
	m.Append(58, 1)
	m.Append(2, 58)
	src, dst := make([]float32, 28*28*116), make([]float32, 28*28*116)
	b.SetBytes(int64(8 * len(src)))
	for b.Loop() {
		m.Permute(dst, src)
	}
}
