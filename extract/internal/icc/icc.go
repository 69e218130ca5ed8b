// Package icc converts colours of wide gamuts, such as Display P3 and Adobe RGB, to sRGB.
//
// An ICC profile (ICC.1:2022) says how a picture's numbers mean colours. Those of cameras,
// telephones and screens consist of a curve for each channel and a matrix: these are
// converted. Profiles of other kinds, with tables for inks or printers, are left alone.
//
// Conversion is in integers: the curves become tables of 16 bits, the matrix has 14 bits of
// fraction, and sRGB's curve is a table again. So a pixel becomes the same everywhere, and
// within one level of what exact arithmetic gives.
package icc

import (
	"bytes"
	"encoding/binary"
	"math"
)

// A Transform turns RGB of a profile into sRGB.
type Transform struct {
	linear [3][256]int32 // by channel: the light of a value, 0…65535
	matrix [3][3]int32   // from the profile's primaries to sRGB's, in 1/16384
	table  *table
}

const (
	maxLight   = 65535
	matrixBits = 14
)

// A Converter keeps what converting needs from one picture to the next, for one goroutine.
// The zero value is ready.
type Converter struct {
	table   *table
	profile []byte // the last one
	last    *Transform
}

// For returns the transform of a profile. It is nil where there is nothing to convert: for
// no profile, for sRGB, which changes no value by more than one level, and for a profile
// that is not one of curves and a matrix for RGB.
func (c *Converter) For(profile []byte) *Transform {
	switch {
	case len(profile) == 0:
		return nil
	case bytes.Equal(profile, c.profile):
		return c.last
	}
	if c.table == nil {
		c.table = newTable()
	}
	c.profile, c.last = bytes.Clone(profile), parse(profile, c.table)
	return c.last
}

// parse reads a profile.
func parse(profile []byte, to *table) *Transform {
	if len(profile) < 132 || string(profile[16:20]) != "RGB " || string(profile[20:24]) != "XYZ " || string(profile[36:40]) != "acsp" {
		return nil
	}
	t := Transform{table: to}
	var primaries [3][3]float64
	for c, name := range []string{"r", "g", "b"} {
		xyz := tag(profile, name+"XYZ")
		if len(xyz) < 20 || string(xyz[:4]) != "XYZ " {
			return nil
		}
		for i := range 3 {
			primaries[i][c] = fixed(xyz[8+4*i:])
		}
		f := curve(tag(profile, name+"TRC"))
		if f == nil {
			return nil
		}
		for v := range 256 {
			light := f(float64(v) / 255)
			t.linear[c][v] = int32(math.Floor(float64(math.Max(0, math.Min(1, light))*maxLight) + 0.5))
		}
	}
	for i := range 3 {
		for j := range 3 {
			sum := 0.0
			for k := range 3 {
				sum += float64(fromXYZ[i][k] * primaries[k][j])
			}
			if !(math.Abs(sum) < 4) {
				return nil
			}
			t.matrix[i][j] = int32(math.Floor(float64(sum*(1<<matrixBits)) + 0.5))
		}
	}
	if t.isIdentity() {
		return nil
	}
	return &t
}

// fromXYZ is the inverse of sRGB's primaries in the profile connection space, which is
// adapted to D50: the columns of the sRGB profile of the ICC.
var fromXYZ = [3][3]float64{
	{3.1342743064716685, -1.6172740169674227, -0.4907348029960736},
	{-0.9787955743252027, 1.9161615964684828, 0.03345405023031959},
	{0.07197855132366798, -0.2289898906034097, 1.405748368709628},
}

// tag returns the content of a profile's tag, or nil.
func tag(profile []byte, name string) []byte {
	entries := profile[132:]
	for n := binary.BigEndian.Uint32(profile[128:]); n > 0 && len(entries) >= 12; n-- {
		if string(entries[:4]) == name {
			at, size := uint64(binary.BigEndian.Uint32(entries[4:])), uint64(binary.BigEndian.Uint32(entries[8:]))
			if at+size > uint64(len(profile)) {
				return nil
			}
			return profile[at:][:size]
		}
		entries = entries[12:]
	}
	return nil
}

// fixed is an s15Fixed16Number.
func fixed(b []byte) float64 { return float64(int32(binary.BigEndian.Uint32(b))) / 65536 }

// curve reads a curve from 0…1 to 0…1, nil if it is none.
func curve(b []byte) func(float64) float64 {
	if len(b) < 12 {
		return nil
	}
	switch string(b[:4]) {
	case "curv":
		return sampled(binary.BigEndian.Uint32(b[8:]), b[12:])
	case "para":
		return parametric(binary.BigEndian.Uint16(b[8:]), b[12:])
	}
	return nil
}

// sampled is a curve of n samples, or a gamma.
func sampled(n uint32, b []byte) func(float64) float64 {
	if uint64(n)*2 > uint64(len(b)) {
		return nil
	}
	at := func(i int) float64 { return float64(binary.BigEndian.Uint16(b[2*i:])) }
	switch n {
	case 0:
		return func(x float64) float64 { return x }
	case 1:
		gamma := at(0) / 256
		return func(x float64) float64 { return math.Pow(x, gamma) }
	}
	return func(x float64) float64 {
		pos := float64(x * float64(n-1))
		i := int(math.Min(math.Floor(pos), float64(n-2)))
		part := pos - float64(i)
		return (float64(at(i)*(1-part)) + float64(at(i+1)*part)) / 65535
	}
}

// parametric is a curve by one of the functions of ICC.1:2022, 10.18.
func parametric(kind uint16, b []byte) func(float64) float64 {
	counts := []int{1, 3, 4, 5, 7}
	if int(kind) >= len(counts) || len(b) < 4*counts[kind] {
		return nil
	}
	p := [7]float64{}
	for i := range counts[kind] {
		p[i] = fixed(b[4*i:])
	}
	g, a, bb, c, d, e, f := p[0], p[1], p[2], p[3], p[4], p[5], p[6]
	power := func(x float64) float64 { return math.Pow(math.Max(0, float64(a*x)+bb), g) }
	switch kind {
	case 0:
		return func(x float64) float64 { return math.Pow(x, g) }
	case 1, 2: // Y = (aX + b)^g + c from −b/a on, c before
		return func(x float64) float64 {
			if float64(a*x)+bb >= 0 {
				return power(x) + c
			}
			return c
		}
	}
	return func(x float64) float64 { // Y = (aX + b)^g + e from d on, cX + f before
		if x >= d {
			return power(x) + e
		}
		return float64(c*x) + f
	}
}
