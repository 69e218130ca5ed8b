package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// report runs f b.N times and reports operations a second: on the whole, and of
// the best of many short stretches, which other programs disturb less.
func report(b *testing.B, operations int, f func()) {
	stretch := max(1, b.N/200)
	best := time.Duration(math.MaxInt64)
	for done := 0; done < b.N; done += stretch {
		start := time.Now()
		for range stretch {
			f()
		}
		best = min(best, time.Since(start))
	}
	b.ReportMetric(float64(operations)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	b.ReportMetric(float64(operations)*float64(stretch)/best.Seconds()/1e9, "best-GFLOP/s")
}

// BenchmarkProduct measures pixels × output channels × input channels, as a
// pointwise convolution has them. The first case fits the first-level cache and
// fills its tiles: what it reaches is the processor's peak.
func BenchmarkProduct(b *testing.B) {
	shapes := [][3]int{{126, 96, 64}, {25600, 96, 16}, {6400, 24, 144}, {6400, 144, 24}, {1600, 40, 240}, {400, 480, 80}, {400, 112, 672},
		{100, 1152, 192}, {100, 320, 1152}, {100, 1280, 320}}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, s := range Sets() {
		for _, shape := range shapes {
			m, n, k := shape[0], shape[1], shape[2]
			a, c := random(rng, m*k), Aligned(m*n)
			p := s.Pack(n, k, random(rng, n*k), nil)
			b.Run(fmt.Sprintf("%s/%dx%dx%d", s.Name, m, n, k), func(b *testing.B) {
				t, offs := Tile{}, []int{0}
				report(b, 2*m*n*k, func() {
					for i := range p.Panels {
						q := &p.Panels[i]
						t = Tile{A: a, Offs: offs, K: k, LDA: k, C: c[q.Col:], LDC: n, Lo: 0, Hi: 6}
						q.Multiply(&t, m)
					}
				})
			})
		}
	}
}

// BenchmarkDepthwise measures one row of images as MobileNet and EfficientNet
// have them.
func BenchmarkDepthwise(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, s := range Sets() {
		for _, shape := range [][4]int{{160, 32, 3, 1}, {160, 96, 3, 2}, {80, 144, 3, 1}, {80, 144, 5, 2}, {40, 240, 5, 1}, {20, 480, 3, 1},
			{20, 672, 5, 1}, {10, 1152, 5, 1}} {
			w, c, k, stride := shape[0], shape[1], shape[2], shape[3]
			d := Depthwise{KW: k, Tap: c, Step: stride * c, C: c, LDW: c, LDO: c, N: w / stride, Lo: 0, Hi: 6}
			for y := range k {
				d.Rows = append(d.Rows, y*(w+4)*c)
			}
			d.In, d.W, d.Bias, d.Out = random(rng, k*(w+4)*c), random(rng, k*k*c), random(rng, c), Aligned(w*c)
			b.Run(fmt.Sprintf("%s/%dx%d/%dx%d/s%d", s.Name, w, c, k, k, stride), func(b *testing.B) {
				report(b, 2*d.N*c*k*k, func() { s.Depthwise(&d) })
			})
		}
	}
}
