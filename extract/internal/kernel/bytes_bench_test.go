package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkByteProduct is BenchmarkProduct on bytes, for the shapes of MobileNet-v1
// and of ResNet's 3×3 convolutions.
func BenchmarkByteProduct(b *testing.B) {
	shapes := [][3]int{{126, 64, 64}, {126, 64, 256}, {12544, 64, 32}, {3136, 128, 128}, {784, 256, 256}, {196, 512, 512}, {49, 1024, 1024},
		{3136, 24, 144}, {3136, 144, 24}, {196, 96, 576}, {784, 128, 1152}, {49, 512, 4608}}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, s := range byteSets() {
		for _, shape := range shapes {
			m, n, k := shape[0], shape[1], shape[2]
			a, c := randomBytes(rng, m*k+3), make([]byte, m*n)
			p := s.PackBytes(randomByteWeights(rng, n, 1, k))
			b.Run(fmt.Sprintf("%s/%dx%dx%d", s.Name, m, n, k), func(b *testing.B) {
				offs := []int{0}
				report(b, 2*m*n*k, func() {
					for i := range p.Panels {
						q := &p.Panels[i]
						t := ByteTile{A: a, Offs: offs, K: k, LDA: k, C: c[q.Col:], LDC: n, Requantize: Requantize{ZeroPoint: 3, Max: 255}}
						q.Multiply(&t, m)
					}
				})
			})
		}
	}
}

// BenchmarkByteDepthwise is BenchmarkDepthwise on bytes.
func BenchmarkByteDepthwise(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, s := range byteSets() {
		for _, shape := range [][4]int{{112, 32, 3, 1}, {112, 64, 3, 2}, {56, 128, 3, 1}, {28, 256, 3, 1}, {14, 512, 3, 1}, {7, 1024, 3, 1},
			{56, 144, 3, 1}, {14, 576, 3, 1}, {28, 256, 5, 1}} {
			w, c, k, stride := shape[0], shape[1], shape[2], shape[3]
			d := ByteDepthwise{Step: stride * c, C: c, LDO: c, N: w / stride, Requantize: Requantize{ZeroPoint: 3, Max: 255}}
			p := s.PackTaps(randomByteWeights(rng, c, 1, k*k), k)
			d.Taps = p.Offsets(c, (w+k)*c)
			d.In, d.Out = randomBytes(rng, k*(w+k)*c), make([]byte, w*c)
			b.Run(fmt.Sprintf("%s/%dx%d/%dx%d/s%d", s.Name, w, c, k, k, stride), func(b *testing.B) {
				report(b, 2*d.N*c*k*k, func() { p.Convolve(&d) })
			})
		}
	}
}
