package photo

// A canvas is an upright picture of w×h pixels, four bytes each, out of which a view
// is turned.
type canvas struct {
	pix        []byte
	w, h       int
	line, step int    // distance of stored rows and of their pixels, in pixels
	bytes      []byte // a row, rounded
}

func (c *canvas) begin(w, h int, stored orientation) {
	c.pix = resize(c.pix, 4*w*h)
	c.w, c.h, c.line, c.step = w, h, w, 1
	if stored.transposes() {
		c.w, c.h, c.line, c.step = h, w, 1, h
	}
}

func (c *canvas) write(y int, line []byte) {
	for x := 0; len(line) >= 4; x++ {
		copy(c.pix[4*(y*c.line+x*c.step):][:4], line)
		line = line[4:]
	}
}

func (c *canvas) writeExact(y int, line []float32) {
	c.bytes = roundRow(c.bytes, line)
	c.write(y, c.bytes)
}

// turn writes row y, four bytes a pixel, of the w×h picture that is seen when the
// canvas is turned by r about its middle. Pixels are interpolated between the four
// around them; beyond its edges, where rounding can lead, the canvas goes on as it
// ends.
func (c *canvas) turn(dst []byte, y, w, h int, r rotation) {
	dy := fixed(2*y + 1 - h) // from the middle, in half pixels
	for x := range w {
		dx := fixed(2*x + 1 - w)
		atX := (dx*r.cos - dy*r.sin + fixed(c.w-1)*one) >> 1
		atY := (dx*r.sin + dy*r.cos + fixed(c.h-1)*one) >> 1
		c.interpolate(dst[4*x:][:4], atX, atY)
	}
}

// interpolate writes the pixel at x, y, between the centres of pixels.
func (c *canvas) interpolate(dst []byte, x, y fixed) {
	x, y = min(max(x, 0), fixed(c.w-1)*one), min(max(y, 0), fixed(c.h-1)*one)
	x0, y0 := int(x>>16), int(y>>16)
	x1, y1 := min(x0+1, c.w-1), min(y0+1, c.h-1)
	tx, ty := x&(one-1)>>8, y&(one-1)>>8 // 8 bits are enough for bytes
	upper, lower := c.pix[4*y0*c.w:], c.pix[4*y1*c.w:]
	for i := range dst {
		a := fixed(upper[4*x0+i])*(256-tx) + fixed(upper[4*x1+i])*tx
		b := fixed(lower[4*x0+i])*(256-tx) + fixed(lower[4*x1+i])*tx
		dst[i] = byte((a*(256-ty) + b*ty + 1<<15) >> 16)
	}
}
