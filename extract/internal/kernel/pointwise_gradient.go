package kernel

// ClipGradient passes a gradient back through a function that bounds its values to lo
// and hi: dst[i] stays where lo < src[i] < hi and becomes zero elsewhere. src holds the
// function's arguments or its results, which give the same.
func (s *Set) ClipGradient(dst, src []float32, lo, hi float32) {
	s.clipGradient(dst, src[:len(dst)], lo, hi)
}

// AddScaled adds src·factor to dst.
func (s *Set) AddScaled(dst, src []float32, factor float32) {
	s.addScaled(dst, src[:len(dst)], factor)
}

func clipGradient(dst, src []float32, lo, hi float32) {
	for i, v := range src {
		if !(lo < v && v < hi) {
			dst[i] = 0
		}
	}
}

func addScaled(dst, src []float32, factor float32) {
	for i, v := range src {
		dst[i] += v * factor
	}
}
