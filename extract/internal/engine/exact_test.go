package engine

import (
	"math"
	"slices"
	"testing"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/kernel"
	"featstore/extract/internal/zoo"
)

// exactBits are the results of programs that promise the same bits on every machine.
type exactBits struct{ first []float32 }

// check compares the results of p with those of the programs before it, by one worker and
// by three, if p promises that they are the same.
func (e *exactBits) check(t testing.TB, p *Program, in []float32) {
	t.Helper()
	if !p.Stats().Exact {
		return
	}
	for _, workers := range []int{1, 3} {
		got := make([]float32, p.Dim())
		if err := p.NewParallelRunner(workers).Run(t.Context(), in, got); err != nil {
			t.Fatal(err)
		}
		if e.first == nil {
			e.first = got
		}
		sameBits := func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }
		if !slices.EqualFunc(got, e.first, sameBits) {
			t.Fatalf("%s kernels, %d workers: not the bits of the kernels before", p.Stats().Kernels, workers)
		}
	}
}

// TestQuantizedZooOnEveryMachine: networks of 8-bit numbers are exact, also where they
// begin on floats.
func TestQuantizedZooOnEveryMachine(t *testing.T) {
	eachQuantized(t, func(t *testing.T, m *zoo.Model, g *graph.Graph) {
		_, pixels := zooInput(m.Shape)
		var same exactBits
		for _, s := range kernel.Sets() {
			p, err := compileVerified(g, Options{Input: m.Shape, ChannelsLast: fedChannelsLast(m.Shape), Tap: m.Tap, Kernels: s.Name})
			if err != nil {
				t.Fatal(err)
			}
			if !p.Stats().Exact {
				t.Error("not exact")
			}
			same.check(t, p, pixels)
		}
	})
}
