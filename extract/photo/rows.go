package photo

import "featstore/extract/internal/row"

// rowReader delivers a photo row by row as RGBX, four bytes a pixel. It upsamples and
// converts chroma with the arithmetic of libjpeg, so that pixels equal those of programs
// that use it. Only one row exists at a time.
type rowReader struct {
	ph      *Photo
	from, n int       // columns wanted
	full    [3][]byte // one row of each subsampled plane at full resolution, column 0 first
	sums    []int16   // two rows of chroma, blended
}

// reset prepares for columns from…to of ph.
func (r *rowReader) reset(ph *Photo, from, to int) {
	r.ph, r.from, r.n = ph, from, to-from
	for c := range ph.color.planes() {
		if p := &ph.planes[c]; !p.upX.full() || !p.upY.full() {
			r.full[c] = resize(r.full[c], ph.storedW+1) // pairs of columns
			r.sums = resize(r.sums, max(len(r.sums), p.w+2))
		}
	}
}

// read writes row y, as stored, to dst: four bytes for each wanted column.
func (r *rowReader) read(dst []byte, y int) {
	dst = dst[:4*r.n]
	planes := &r.ph.planes
	switch r.ph.color {
	case colorGray:
		for i, v := range r.wanted(&planes[0], y) {
			p := dst[4*i:][:3]
			p[0], p[1], p[2] = v, v, v
		}
	case colorRGBX:
		copy(dst, planes[0].pix[y*planes[0].stride+4*r.from:])
	case colorRGB:
		red, green, blue := r.component(0, y), r.component(1, y), r.component(2, y)
		green, blue = green[:len(red)], blue[:len(red)]
		for i, v := range red {
			p := dst[4*i:][:3]
			p[0], p[1], p[2] = v, green[i], blue[i]
		}
	default:
		row.Convert(dst, r.component(0, y), r.component(1, y), r.component(2, y), r.ph.matrix())
	}
	if r.ph.toSRGB != nil && r.ph.color != colorGray {
		r.ph.toSRGB.Apply(dst)
	}
}

// wanted is the wanted part of a full plane's row.
func (r *rowReader) wanted(p *plane, y int) []byte { return p.pix[y*p.stride+r.from:][:r.n] }

// component is the wanted part of plane c's row y at full resolution.
func (r *rowReader) component(c, y int) []byte {
	p := &r.ph.planes[c]
	if p.upX.full() && p.upY.full() {
		return r.wanted(p, y)
	}
	out := r.full[c]
	near, far := p.upY.at(y, p.h)
	a, b := p.pix[near*p.stride:][:p.w], p.pix[far*p.stride:][:p.w]
	from, to := r.from, r.from+r.n
	switch {
	case p.upX.fancy && p.upY.fancy:
		rounding := row.HalfRows
		if r.ph.color == colorYUV {
			rounding = row.Nearest
		}
		r.double(out, a, b, rounding)
	case p.upX.fancy:
		r.double(out, a, a, row.AllRows)
	case p.upY.fancy:
		bias := uint16(1 + y%2)
		for i := from; i < to; i++ {
			out[i] = byte((3*uint16(a[i]) + uint16(b[i]) + bias) >> 2)
		}
	default:
		for i := from; i < to; i++ {
			out[i] = a[min(i*p.upX.num/p.upX.den, p.w-1)]
		}
	}
	return out[from:to]
}

// double upsamples the samples between near and far that the wanted columns
// consist of.
func (r *rowReader) double(out, near, far []byte, rounding row.Rounding) {
	n := len(near)
	first, end := r.from/2, min((r.from+r.n+1)/2, n)
	lower, upper := max(first-1, 0), min(end+1, n)
	sums := r.sums[:n+2] // the sample before the first, the samples, one more
	row.Blend(sums[1+lower:], near[lower:upper], far[lower:upper])
	sums[0], sums[n+1] = sums[1], sums[n] // at the edge a sample is its own neighbour
	row.Double(out[2*first:], sums[first:end+2], rounding)
}
