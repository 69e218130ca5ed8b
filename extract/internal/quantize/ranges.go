package quantize

import (
	"context"
	"math"

	"featstore/extract/internal/tensor"
)

// The ways to choose a range, in the order in which they are preferred if they are as good.
const (
	MinMax       = "min-max"
	LeastSquares = "least squares"
	Percentile4  = "99.99 %"
	Percentile3  = "99.9 %"
)

// A candidate is a range for a point.
type candidate struct {
	method string
	params Params
}

// bins of a histogram of a point's values.
const bins = 2048

// A histogram counts values between two bounds.
type histogram struct {
	lo, width float64
	counts    [bins]int64
}

func (h *histogram) add(x []float32) {
	scale, lo := float32(1/h.width), float32(h.lo)
	for _, v := range x {
		h.counts[min(max(int((v-lo)*scale), 0), bins-1)]++
	}
}

// middle is the value that stands for a bin.
func (h *histogram) middle(i int) float64 { return h.lo + (float64(i)+0.5)*h.width }

// candidates returns the ranges that come into question.
func (h *histogram) candidates() []candidate {
	lo, hi := h.lo, h.lo+bins*h.width
	all := []candidate{{MinMax, paramsFor(lo, hi)}}
	add := func(method string, lo, hi float64) {
		p := paramsFor(lo, hi)
		for _, c := range all {
			if c.params == p {
				return
			}
		}
		all = append(all, candidate{method, p})
	}
	lo, hi = h.leastSquares()
	add(LeastSquares, lo, hi)
	lo, hi = h.percentile(1e-4)
	add(Percentile4, lo, hi)
	lo, hi = h.percentile(1e-3)
	add(Percentile3, lo, hi)
	return all
}

// percentile returns bounds beyond each of which lies no more than a share of the values.
func (h *histogram) percentile(beyond float64) (lo, hi float64) {
	total := int64(0)
	for _, c := range h.counts {
		total += c
	}
	most := int64(beyond * float64(total))
	first, last := 0, bins-1
	for sum := h.counts[first]; sum <= most && first < last; sum += h.counts[first] {
		first++
	}
	for sum := h.counts[last]; sum <= most && last > first; sum += h.counts[last] {
		last--
	}
	return h.lo + float64(first)*h.width, h.lo + float64(last+1)*h.width
}

// leastSquares searches the bounds with the least squared error of the histogram.
func (h *histogram) leastSquares() (lo, hi float64) {
	const parts = 20
	from, to := min(h.lo, 0), max(h.lo+bins*h.width, 0)
	best := math.Inf(1)
	for i := range parts - 4 {
		for j := range parts - 4 {
			l, u := from*float64(parts-i)/parts, to*float64(parts-j)/parts
			if e := h.squaredError(paramsFor(l, u)); e < best {
				best, lo, hi = e, l, u
			}
			if to == 0 {
				break
			}
		}
		if from == 0 {
			break
		}
	}
	return lo, hi
}

// squaredError is that of rounding the values; inside of the range that of values spread
// evenly over a step.
func (h *histogram) squaredError(p Params) float64 {
	scale := float64(p.Scale)
	lo, hi := -float64(p.Zero)*scale, float64(steps-int(p.Zero))*scale
	sum := 0.0
	for i, n := range h.counts {
		if n == 0 {
			continue
		}
		x := h.middle(i)
		d := scale * scale / 12
		switch {
		case x < lo:
			d = (lo - x) * (lo - x)
		case x > hi:
			d = (x - hi) * (x - hi)
		}
		sum += float64(n) * d
	}
	return sum
}

// histogramsOf measures the histograms of points between bounds known.
func (q *quantization) histogramsOf(ctx context.Context, n *network, points []string, of map[string]*moments) (map[string]*histogram, error) {
	p, err := q.newProbe(n.graph, n.shown(points))
	if err != nil {
		return nil, err
	}
	total := map[string]*histogram{}
	for _, t := range points {
		lo, hi := of[t].bounds()
		total[t] = &histogram{lo: lo, width: max((hi-lo)/bins, 1e-30)}
	}
	err = over(ctx, q, func() func(ctx context.Context, pixels []float32) (map[string]*histogram, error) {
		r := p.prober()
		return func(ctx context.Context, pixels []float32) (map[string]*histogram, error) {
			all := map[string]*histogram{}
			return all, r.look(ctx, pixels, func(name string, x []float32) {
				h := &histogram{lo: total[name].lo, width: total[name].width}
				h.add(x)
				all[name] = h
			})
		}
	}, func(all map[string]*histogram) {
		for t, h := range all {
			for i, c := range h.counts {
				total[t].counts[i] += c
			}
		}
	})
	return total, err
}

// A choice is the range chosen for a point, and what rounding by it loses.
type choice struct {
	candidate
	decibels float64
}

// lossOf is what the ranges of a point lose: errors that count as its readers see them,
// plain ones, and the signal.
type lossOf struct {
	seen, plain []float64
	signal      float64
}

// choose measures the error of each candidate and chooses the best for each point.
func (q *quantization) choose(ctx context.Context, n *network, points []string, candidates map[string][]candidate) (map[string]choice, error) {
	p, err := q.newProbe(n.graph, n.shown(points))
	if err != nil {
		return nil, err
	}
	counts := map[string][]float64{}
	for _, t := range points {
		counts[t] = n.importance(t)
	}
	fresh := func() map[string]*lossOf {
		all := map[string]*lossOf{}
		for _, t := range points {
			k := len(candidates[t])
			all[t] = &lossOf{seen: make([]float64, k), plain: make([]float64, k)}
		}
		return all
	}
	total := fresh()
	err = over(ctx, q, func() func(ctx context.Context, pixels []float32) (map[string]*lossOf, error) {
		r := p.prober()
		return func(ctx context.Context, pixels []float32) (map[string]*lossOf, error) {
			all := fresh()
			return all, r.look(ctx, pixels, func(name string, x []float32) {
				all[name].add(x, candidates[name], counts[name])
			})
		}
	}, func(all map[string]*lossOf) {
		for _, t := range points {
			total[t].merge(all[t])
		}
	})
	chosen := map[string]choice{}
	for _, t := range points {
		best := total[t].best()
		chosen[t] = choice{candidates[t][best], decibels(total[t].signal, total[t].plain[best])}
	}
	return chosen, err
}

// add takes in the values of an image, channels innermost.
func (l *lossOf) add(x []float32, candidates []candidate, counts []float64) {
	channels := len(counts)
	signal := make([]float64, channels)
	for at := 0; at < len(x); at += channels {
		for c, v := range x[at : at+channels] {
			signal[c] += float64(v) * float64(v)
		}
	}
	for _, s := range signal {
		l.signal += s
	}
	for k, candidate := range candidates {
		for c, e := range candidate.params.squaredErrors(x, channels) {
			l.plain[k] += e
			l.seen[k] += e * counts[c]
		}
	}
}

// nearest, added and taken away, rounds a float32 to the nearest whole number.
const nearest = 3 << 22

// squaredErrors are those of rounding values, by channel.
func (p Params) squaredErrors(x []float32, channels int) []float64 {
	sums := make([]float64, channels)
	inverse, lo, hi := 1/p.Scale, -float32(p.Zero), float32(steps-int(p.Zero))
	for at := 0; at < len(x); at += channels {
		for c, v := range x[at : at+channels] {
			r := min(max(v*inverse, lo), hi)
			r = float32(r+nearest) - nearest
			d := float64(v - float32(r*p.Scale))
			sums[c] += d * d
		}
	}
	return sums
}

func (l *lossOf) merge(other *lossOf) {
	l.signal += other.signal
	for k := range l.seen {
		l.seen[k] += other.seen[k]
		l.plain[k] += other.plain[k]
	}
}

func (l *lossOf) best() int {
	best := 0
	for k, e := range l.seen {
		if e < l.seen[best] {
			best = k
		}
	}
	return best
}

// importance is how much an error in each channel of a value matters to the layers that
// read it: the sum of their squared weights. It is 1 where none does.
func (n *network) importance(name string) []float64 {
	channels := n.channels(name)
	counts := make([]float64, channels)
	found := false
	for _, r := range n.readers[name] {
		l := n.byNode[r]
		if l == nil || l.in != name || l.inputs() != channels {
			continue
		}
		found = true
		w := tensor.Values[float32](l.weight)
		l.each(func(place, _, input int) { counts[input] += float64(w[place]) * float64(w[place]) })
	}
	for c := range counts {
		if !found {
			counts[c] = 1
		}
	}
	return counts
}
