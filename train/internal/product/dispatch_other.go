//go:build !amd64 || purego

package product

func useAssembly() bool { return false }

func dotsVector(out []float32, rows [][]float32, w []float32, dim, labels int) {
	dotsPortable(out, rows, w, dim, labels)
}

func outerVector(w []float32, rows [][]float32, g []float32, dim, first, last, stride, lo, hi int) int {
	return lo
}
