package icc

import "math"

// decodeSRGB is the light of a value of sRGB, both 0…1 (IEC 61966-2-1).
func decodeSRGB(v float64) float64 {
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

// A table is sRGB's value of light.
type table [maxLight + 1]byte

func newTable() *table {
	t, v := new(table), 0
	next := func() int { // the light at which the next value begins
		if v == 255 {
			return len(t)
		}
		return int(math.Ceil(float64(decodeSRGB((float64(v)+0.5)/255) * maxLight)))
	}
	step := next()
	for light := range t {
		for light >= step {
			v++
			step = next()
		}
		t[light] = byte(v)
	}
	return t
}

// Apply converts pixels of four bytes, of which it leaves the fourth.
func (t *Transform) Apply(line []byte) {
	const half = 1 << (matrixBits - 1)
	for ; len(line) >= 4; line = line[4:] {
		p := line[:3:3]
		r, g, b := int64(t.linear[0][p[0]]), int64(t.linear[1][p[1]]), int64(t.linear[2][p[2]])
		for c := range p {
			m := &t.matrix[c]
			light := (int64(m[0])*r + int64(m[1])*g + int64(m[2])*b + half) >> matrixBits
			p[c] = t.table[max(0, min(maxLight, light))]
		}
	}
}

// isIdentity reports whether every colour of a coarse grid keeps within one level of its
// value.
func (t *Transform) isIdentity() bool {
	levels := []byte{0, 1, 5, 20, 64, 128, 200, 255}
	for _, r := range levels {
		for _, g := range levels {
			for _, b := range levels {
				p := []byte{r, g, b, 0}
				t.Apply(p)
				for c, v := range []byte{r, g, b} {
					if d := int(p[c]) - int(v); d > 1 || d < -1 {
						return false
					}
				}
			}
		}
	}
	return true
}
