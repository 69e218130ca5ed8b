// Package row holds the inner loops of resizing photos: conversion of a row to
// RGB, resampling along a row, and across rows. A row consists of RGBX pixels of
// four bytes, the fourth of which is carried along but means nothing.
//
// Each has a portable form and, on amd64, one in AVX2 that gives the same bits.
// All sums are int32 and wrap around; with weights that sum to about
// 1<<WeightBits results never need to.
package row

// WeightBits is the fixed point of weights: 1<<WeightBits stands for 1. It is
// Pillow's for bytes.
const WeightBits = 22

const half = 1 << (WeightBits - 1)

// A Matrix turns Y, Cb and Cr into R, G and B, in fixed point:
//
//	R = (Y·KY − Y0 + KR·(Cr−128)                 ) >> 16
//	G = (Y·KY − Y0 − GB·(Cb−128) − GR·(Cr−128)) >> 16
//	B = (Y·KY − Y0 + KB·(Cb−128)                 ) >> 16
//
// Y0 takes in the rounding.
type Matrix struct{ KY, Y0, KR, GB, GR, KB int32 }

// ITU-R BT.601, luma weights 0.299, 0.587 and 0.114. JFIF (ITU-T T.871) uses all
// of 0…255; the constants are those libjpeg arrives at, so that every pixel
// equals its. Studio is Y in 16…235, Cb and Cr in 16…240, as WebP stores them:
// scaled by 255/219 and 255/224.
var (
	JFIF   = Matrix{1 << 16, -1 << 15, 91881, 22554, 46802, 116130}
	Studio = Matrix{76309, 16*76309 - 1<<15, 104597, 25675, 53279, 132201}
)

// MatrixOf returns the matrix for red's and blue's weights in luma, in 1/10000, with luma
// and chroma in all of 0…255 or, as in Studio, in a part of it.
func MatrixOf(red, blue int64, full bool) *Matrix {
	const one, unit = 1 << 16, 10000
	luma, chroma := [2]int64{1, 1}, [2]int64{1, 1}
	if !full {
		luma, chroma = [2]int64{255, 219}, [2]int64{255, 224}
	}
	scaled := func(num, den int64, by [2]int64) int32 {
		num, den = num*one*by[0], den*by[1]
		return int32((num + den/2) / den)
	}
	green := unit - red - blue
	m := &Matrix{
		KY: scaled(1, 1, luma),
		KR: scaled(2*(unit-red), unit, chroma),
		GB: scaled(2*blue*(unit-blue), unit*green, chroma),
		GR: scaled(2*red*(unit-red), unit*green, chroma),
		KB: scaled(2*(unit-blue), unit, chroma),
		Y0: -half16,
	}
	if !full {
		m.Y0 += 16 * m.KY
	}
	return m
}

const half16 = 1 << 15

// Coarse is the matrix with chroma's numbers rounded to 6 bits of fraction and at most 2,
// as libyuv has them, which keeps them in bytes.
func (m *Matrix) Coarse() *Matrix {
	const unit = 1 << 10
	c := *m
	for _, v := range []*int32{&c.KR, &c.GB, &c.GR, &c.KB} {
		*v = min((*v+unit/2)/unit*unit, 2<<16)
	}
	return &c
}

// RGB converts one pixel.
func (m *Matrix) RGB(y, cb, cr byte) (r, g, b byte) {
	luma := int32(y)*m.KY - m.Y0
	u, v := int32(cb)-128, int32(cr)-128
	return clip((luma + m.KR*v) >> 16), clip((luma - m.GB*u - m.GR*v) >> 16), clip((luma + m.KB*u) >> 16)
}

func clip(v int32) byte { return byte(max(0, min(255, v))) }

// Convert writes len(y) pixels to dst. cb and cr are at full resolution.
func Convert(dst, y, cb, cr []byte, m *Matrix) {
	dst, cb, cr = dst[:4*len(y)], cb[:len(y)], cr[:len(y)]
	n := convertVector(dst, y, cb, cr, m)
	convert(dst[4*n:], y[n:], cb[n:], cr[n:], m)
}

func convert(dst, y, cb, cr []byte, m *Matrix) {
	for i, v := range y {
		p := dst[4*i:][:4]
		p[0], p[1], p[2] = m.RGB(v, cb[i], cr[i])
		p[3] = 0
	}
}

// Lanes is what Taps.Width is a multiple of.
const Lanes = 4

// Taps say how a row is resampled: pixel i of the result is the sum of the
// pixels First[i], First[i]+1, … times the weights Weights[i·Width], Weights[i·Width+1],
// …, Width of them. Weights that are 0 may fill up; their pixels do not count,
// but must exist.
type Taps struct {
	Width   int
	First   []int32
	Weights []int32
	// Need is how many pixels a row must hold; Check computes it.
	Need int
}

// Check must be called after t has been filled or changed. It panics if t is
// not as described.
func (t *Taps) Check() {
	if t.Width <= 0 || t.Width%Lanes != 0 || len(t.Weights) != t.Width*len(t.First) {
		panic("row: taps with the wrong number of weights")
	}
	t.Need = 0
	for _, f := range t.First {
		if f < 0 {
			panic("row: taps that begin before the row")
		}
		t.Need = max(t.Need, int(f)+t.Width)
	}
}

// Along resamples src to dst, rounded to bytes.
func Along(dst, src []byte, t *Taps) {
	dst, src = dst[:4*len(t.First)], src[:4*t.Need]
	if !alongVector(dst, src, t) {
		along(dst, src, t)
	}
}

func along(dst, src []byte, t *Taps) {
	for i, f := range t.First {
		w := t.Weights[i*t.Width:][:t.Width]
		s := src[4*int(f):][:4*len(w)]
		r, g, b, x := int32(half), int32(half), int32(half), int32(half)
		for j, v := range w {
			p := s[4*j:][:4]
			r += v * int32(p[0])
			g += v * int32(p[1])
			b += v * int32(p[2])
			x += v * int32(p[3])
		}
		p := dst[4*i:][:4]
		p[0], p[1], p[2], p[3] = clip(r>>WeightBits), clip(g>>WeightBits), clip(b>>WeightBits), clip(x>>WeightBits)
	}
}

// Across sums rows of bytes: dst[i] is the sum of rows[k][i] times weights[k],
// rounded.
func Across(dst []byte, rows [][]byte, weights []int32) {
	rows = rows[:len(weights)]
	for _, r := range rows {
		_ = r[:len(dst)]
	}
	n := acrossVector(dst, rows, weights)
	across(dst, rows, weights, n)
}

// across is Across from byte n on, in stretches whose sums stay in the first-level
// cache.
func across(dst []byte, rows [][]byte, weights []int32, n int) {
	var buf [256]int32
	for ; n < len(dst); n += len(buf) {
		sums := buf[:min(len(buf), len(dst)-n)]
		for i := range sums {
			sums[i] = half
		}
		k := 0
		for ; k+1 < len(weights); k += 2 {
			a, b, wa, wb := rows[k][n:][:len(sums)], rows[k+1][n:][:len(sums)], weights[k], weights[k+1]
			for i := range sums {
				sums[i] += wa*int32(a[i]) + wb*int32(b[i])
			}
		}
		if k < len(weights) {
			a, wa := rows[k][n:][:len(sums)], weights[k]
			for i := range sums {
				sums[i] += wa * int32(a[i])
			}
		}
		out := dst[n:][:len(sums)]
		for i, v := range sums {
			out[i] = clip(v >> WeightBits)
		}
	}
}
