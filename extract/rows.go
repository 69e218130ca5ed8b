package extract

import "featstore/extract/internal/row"

// rowReader delivers a photo row by row as RGBX, four bytes a pixel: chroma
// upsampled and converted in the arithmetic of libjpeg, so that pixels equal
// those of the programs that use it. Only one row exists at a time.
type rowReader struct {
	ph      *Photo
	from, n int       // columns wanted
	full    [3][]byte // one row of each subsampled plane at full resolution, column 0 first
	sums    []int16   // 3·near + far of two chroma rows
}

// reset prepares for columns from…to of ph.
func (r *rowReader) reset(ph *Photo, from, to int) {
	r.ph, r.from, r.n = ph, from, to-from
	for c := range ph.color.planes() {
		if p := &ph.planes[c]; !p.upX.full() || !p.upY.full() {
			r.full[c] = resize(r.full[c], ph.storedW+1) // pairs of columns
			r.sums = resize(r.sums, max(len(r.sums), p.w))
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
		row.Convert(dst, r.wanted(&planes[0], y), r.component(1, y), r.component(2, y), r.ph.color.matrix())
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
		first, end := from/2, min((to+1)/2, p.w)
		sums := r.sums[:p.w]
		for i := max(first-1, 0); i < min(end+1, p.w); i++ {
			sums[i] = 3*int16(a[i]) + int16(b[i])
		}
		triangle16(out, sums, first, end)
	case p.upX.fancy:
		triangle4(out, a, from/2, min((to+1)/2, p.w))
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

// triangle16 doubles samples first…end of a row of sums of two rows' ¾ and ¼.
// Both it and triangle4 round alternate columns in alternate directions.
func triangle16(out []byte, sums []int16, first, end int) {
	last := len(sums) - 1
	for i := first; i < end; i++ {
		v := 3 * sums[i]
		out[2*i] = byte((v + sums[max(i-1, 0)] + 8) >> 4)
		out[2*i+1] = byte((v + sums[min(i+1, last)] + 7) >> 4)
	}
}

// triangle4 doubles samples first…end of a row.
func triangle4(out, a []byte, first, end int) {
	last := len(a) - 1
	for i := first; i < end; i++ {
		v := 3 * uint16(a[i])
		out[2*i] = byte((v + uint16(a[max(i-1, 0)]) + 1) >> 2)
		out[2*i+1] = byte((v + uint16(a[min(i+1, last)]) + 2) >> 2)
	}
}
