package photo

// tfBilinear is TensorFlow 1's resize_bilinear with its defaults: output i lies
// at pixel i·scale, between the pixels on either side, and nothing is rounded.
func (s *Scratch) tfBilinear(to target, ph *Photo, x, y axisSpec) {
	s.reader.reset(ph, 0, ph.storedW)
	s.ring = resize(s.ring, 2)
	for i := range s.ring {
		s.ring[i] = resize(s.ring[i], 4*ph.storedW)
	}
	held := [2]int{-1, -1} // which rows are in the ring
	row := func(i int) []byte {
		if held[i%2] != i {
			s.reader.read(s.ring[i%2], i)
			held[i%2] = i
		}
		return s.ring[i%2]
	}
	s.exact = resize(s.exact, 3*x.out)
	for i := range y.out {
		near, far, ty := y.tfNeighbours(i)
		a, b := row(near), row(far)
		for j := range x.out {
			left, right, tx := x.tfNeighbours(j)
			p := s.exact[3*j:][:3]
			for c := range p {
				upper := lerp(a[4*left+c], a[4*right+c], tx)
				lower := lerp(b[4*left+c], b[4*right+c], tx)
				p[c] = upper + float32((lower-upper)*ty)
			}
		}
		to.writeExact(i, s.exact)
	}
}

// tfNeighbours returns the stored pixels on either side of output i, and how far
// from the first to the second it lies.
func (s *axisSpec) tfNeighbours(i int) (near, far int, t float32) {
	n := s.hi - s.lo
	at := float32(float32(i+s.skip) * (float32(n) / float32(s.full)))
	near = min(int(at), n-1)
	far = min(near+1, n-1)
	t = at - float32(near)
	near, far = near+s.lo, far+s.lo
	if s.flipped {
		near, far = s.size-1-near, s.size-1-far
	}
	return near, far, t
}

func lerp(a, b byte, t float32) float32 {
	return float32(a) + float32((float32(b)-float32(a))*t)
}
