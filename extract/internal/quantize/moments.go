package quantize

import (
	"context"
	"math"

	"featstore/extract/internal/graph"
)

// Moments are what is known of a tensor channel by channel.
type moments struct {
	lo, hi  []float32
	squares []float64 // sums
	count   float64   // of numbers in a channel
}

func newMoments(channels int) *moments {
	m := &moments{lo: make([]float32, channels), hi: make([]float32, channels), squares: make([]float64, channels)}
	for c := range channels {
		m.lo[c], m.hi[c] = float32(math.Inf(1)), float32(math.Inf(-1))
	}
	return m
}

// add takes in the values of an image, channels innermost.
func (m *moments) add(x []float32) {
	channels := len(m.lo)
	for at := 0; at < len(x); at += channels {
		lo, hi, squares := m.lo, m.hi[:channels], m.squares[:channels]
		for c, v := range x[at : at+channels] {
			lo[c], hi[c] = min(lo[c], v), max(hi[c], v)
			squares[c] += float64(v) * float64(v)
		}
	}
	m.count += float64(len(x) / channels)
}

func (m *moments) merge(other *moments) {
	for c := range m.lo {
		m.lo[c], m.hi[c] = min(m.lo[c], other.lo[c]), max(m.hi[c], other.hi[c])
		m.squares[c] += other.squares[c]
	}
	m.count += other.count
}

// bounds are those of all channels.
func (m *moments) bounds() (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for c := range m.lo {
		lo, hi = min(lo, float64(m.lo[c])), max(hi, float64(m.hi[c]))
	}
	return lo, hi
}

// meanSquares are those of each channel.
func (m *moments) meanSquares() []float64 {
	mean := make([]float64, len(m.squares))
	for c, s := range m.squares {
		mean[c] = s / max(m.count, 1)
	}
	return mean
}

// momentsOf measures tensors of a graph on the sample.
func (q *quantization) momentsOf(ctx context.Context, n *network, g *graph.Graph, tensors []string) (map[string]*moments, error) {
	p, err := q.newProbe(g, n.shown(tensors))
	if err != nil {
		return nil, err
	}
	fresh := func() map[string]*moments {
		all := map[string]*moments{}
		for _, t := range tensors {
			all[t] = newMoments(n.channels(t))
		}
		return all
	}
	total := fresh()
	err = over(ctx, q, func() func(ctx context.Context, pixels []float32) (map[string]*moments, error) {
		r := p.prober()
		return func(ctx context.Context, pixels []float32) (map[string]*moments, error) {
			all := fresh()
			return all, r.look(ctx, pixels, func(name string, x []float32) {
				all[name].add(x)
			})
		}
	}, func(all map[string]*moments) {
		for _, t := range tensors {
			total[t].merge(all[t])
		}
	})
	return total, err
}
