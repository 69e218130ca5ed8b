//go:build !purego

package kernel

import (
	"slices"
	"testing"
	"unsafe"

	"featstore/extract/cpu"
)

// byteSets are all sets, and AVX2's kernels for processors without AVX-VNNI.
func byteSets() []*Set {
	sets := Sets()
	if slices.Contains(sets, avx2) && cpu.HasVNNI(cpu.AVX2) {
		s := *avx2
		s.Name, s.bytes = "avx2-pairs", avx2Bytes(false)
		sets = append(sets, &s)
	}
	return sets
}

// TestFieldsLieWhereTheGeneratorThinks checks the constants in _asm/product.go
// and the depthwise ones.
func TestFieldsLieWhereTheGeneratorThinks(t *testing.T) {
	var a Tile
	var d Depthwise
	var r Transform
	var b ByteTile
	var bd ByteDepthwise
	var bs ByteBinary
	var o Outer
	var dg DepthwiseGradient
	for name, is := range map[string][2]uintptr{
		"ByteTile.A": {unsafe.Offsetof(b.A), 0}, "ByteTile.Offs": {unsafe.Offsetof(b.Offs), 24}, "ByteTile.K": {unsafe.Offsetof(b.K), 48},
		"ByteTile.LDA": {unsafe.Offsetof(b.LDA), 56}, "ByteTile.B": {unsafe.Offsetof(b.B), 64}, "ByteTile.Bias": {unsafe.Offsetof(b.Bias), 88},
		"ByteTile.C": {unsafe.Offsetof(b.C), 112}, "ByteTile.LDC": {unsafe.Offsetof(b.LDC), 136},
		"ByteTile.Scale": {unsafe.Offsetof(b.Scale), 144}, "ByteTile.Offset": {unsafe.Offsetof(b.Offset), 168},
		"ByteTile.ZeroPoint": {unsafe.Offsetof(b.ZeroPoint), 192}, "ByteTile.Max": {unsafe.Offsetof(b.Max), 196},
		"ByteTile.Cols": {unsafe.Offsetof(b.Cols), 200}, "ByteTile.Tiles": {unsafe.Offsetof(b.Tiles), 216},
		"ByteDepthwise.In": {unsafe.Offsetof(bd.In), 0}, "ByteDepthwise.Taps": {unsafe.Offsetof(bd.Taps), 24}, "ByteDepthwise.Step": {unsafe.Offsetof(bd.Step), 48},
		"ByteDepthwise.W": {unsafe.Offsetof(bd.W), 56}, "ByteDepthwise.Bias": {unsafe.Offsetof(bd.Bias), 80}, "ByteDepthwise.Out": {unsafe.Offsetof(bd.Out), 104},
		"ByteDepthwise.LDO": {unsafe.Offsetof(bd.LDO), 128}, "ByteDepthwise.Scale": {unsafe.Offsetof(bd.Scale), 136},
		"ByteDepthwise.C": {unsafe.Offsetof(bd.C), 192}, "ByteDepthwise.N": {unsafe.Offsetof(bd.N), 200},
		"ByteBinary.ZeroPointA": {unsafe.Offsetof(bs.ZeroPointA), 0}, "ByteBinary.ScaleA": {unsafe.Offsetof(bs.ScaleA), 4},
		"ByteBinary.ZeroPointB": {unsafe.Offsetof(bs.ZeroPointB), 8},
		"ByteBinary.ScaleB":     {unsafe.Offsetof(bs.ScaleB), 12}, "ByteBinary.Scale": {unsafe.Offsetof(bs.Scale), 16},
		"ByteBinary.ZeroPoint": {unsafe.Offsetof(bs.ZeroPoint), 20},
		"ByteBinary.Max":       {unsafe.Offsetof(bs.Max), 24},
		"Tile.A":               {unsafe.Offsetof(a.A), 0}, "Tile.Offs": {unsafe.Offsetof(a.Offs), 24}, "Tile.K": {unsafe.Offsetof(a.K), 48},
		"Outer.A": {unsafe.Offsetof(o.A), 0}, "Outer.OffsA": {unsafe.Offsetof(o.OffsA), 24}, "Outer.StepA": {unsafe.Offsetof(o.StepA), 48},
		"Outer.B": {unsafe.Offsetof(o.B), 56}, "Outer.OffsB": {unsafe.Offsetof(o.OffsB), 80}, "Outer.StepB": {unsafe.Offsetof(o.StepB), 104},
		"Outer.K": {unsafe.Offsetof(o.K), 112}, "Outer.C": {unsafe.Offsetof(o.C), 120}, "Outer.LDC": {unsafe.Offsetof(o.LDC), 144},
		"Outer.Cols":           {unsafe.Offsetof(o.Cols), 152},
		"DepthwiseGradient.In": {unsafe.Offsetof(dg.In), 0}, "DepthwiseGradient.KW": {unsafe.Offsetof(dg.KW), 24},
		"DepthwiseGradient.Tap":  {unsafe.Offsetof(dg.Tap), 32},
		"DepthwiseGradient.Step": {unsafe.Offsetof(dg.Step), 40}, "DepthwiseGradient.Out": {unsafe.Offsetof(dg.Out), 48},
		"DepthwiseGradient.LDO": {unsafe.Offsetof(dg.LDO), 72},
		"DepthwiseGradient.N":   {unsafe.Offsetof(dg.N), 80}, "DepthwiseGradient.W": {unsafe.Offsetof(dg.W), 88},
		"DepthwiseGradient.LDW": {unsafe.Offsetof(dg.LDW), 112}, "DepthwiseGradient.C": {unsafe.Offsetof(dg.C), 120},
		"DepthwiseGradient.Rows": {unsafe.Offsetof(dg.Rows), 128}, "DepthwiseGradient.RowIn": {unsafe.Offsetof(dg.RowIn), 136},
		"DepthwiseGradient.RowOut": {unsafe.Offsetof(dg.RowOut), 144},
		"Tile.LDA":                 {unsafe.Offsetof(a.LDA), 56}, "Tile.B": {unsafe.Offsetof(a.B), 64}, "Tile.Bias": {unsafe.Offsetof(a.Bias), 88},
		"Tile.C": {unsafe.Offsetof(a.C), 112}, "Tile.LDC": {unsafe.Offsetof(a.LDC), 136}, "Tile.R": {unsafe.Offsetof(a.R), 144},
		"Tile.LDR": {unsafe.Offsetof(a.LDR), 168}, "Tile.Lo": {unsafe.Offsetof(a.Lo), 176}, "Tile.Hi": {unsafe.Offsetof(a.Hi), 180},
		"Tile.Cols": {unsafe.Offsetof(a.Cols), 184}, "Tile.Tiles": {unsafe.Offsetof(a.Tiles), 200},
		"Tile.Ahead": {unsafe.Offsetof(a.Ahead), 208}, "Tile.AheadStep": {unsafe.Offsetof(a.AheadStep), 216},
		"Depthwise.In": {unsafe.Offsetof(d.In), 0}, "Depthwise.Rows": {unsafe.Offsetof(d.Rows), 24}, "Depthwise.KW": {unsafe.Offsetof(d.KW), 48},
		"Depthwise.Tap": {unsafe.Offsetof(d.Tap), 56}, "Depthwise.Step": {unsafe.Offsetof(d.Step), 64}, "Depthwise.W": {unsafe.Offsetof(d.W), 72},
		"Depthwise.LDW": {unsafe.Offsetof(d.LDW), 96}, "Depthwise.Bias": {unsafe.Offsetof(d.Bias), 104}, "Depthwise.C": {unsafe.Offsetof(d.C), 128},
		"Depthwise.Out": {unsafe.Offsetof(d.Out), 136}, "Depthwise.LDO": {unsafe.Offsetof(d.LDO), 160}, "Depthwise.N": {unsafe.Offsetof(d.N), 168},
		"Depthwise.Lo": {unsafe.Offsetof(d.Lo), 176}, "Depthwise.Hi": {unsafe.Offsetof(d.Hi), 180},
		"Transform.In": {unsafe.Offsetof(r.In), 0}, "Transform.InStep": {unsafe.Offsetof(r.InStep), 24}, "Transform.InLine": {unsafe.Offsetof(r.InLine), 32},
		"Transform.NIn": {unsafe.Offsetof(r.NIn), 40}, "Transform.M": {unsafe.Offsetof(r.M), 48}, "Transform.LDM": {unsafe.Offsetof(r.LDM), 72},
		"Transform.Out": {unsafe.Offsetof(r.Out), 80}, "Transform.OutStep": {unsafe.Offsetof(r.OutStep), 104}, "Transform.OutLine": {unsafe.Offsetof(r.OutLine), 112},
		"Transform.Lines": {unsafe.Offsetof(r.Lines), 128}, "Transform.C": {unsafe.Offsetof(r.C), 136}, "Transform.Bias": {unsafe.Offsetof(r.Bias), 144},
		"Transform.R": {unsafe.Offsetof(r.R), 168}, "Transform.RStep": {unsafe.Offsetof(r.RStep), 192}, "Transform.RLine": {unsafe.Offsetof(r.RLine), 200},
		"Transform.Lo": {unsafe.Offsetof(r.Lo), 208}, "Transform.Hi": {unsafe.Offsetof(r.Hi), 212},
		"Depthwise.Tiles": {unsafe.Offsetof(d.Tiles), 184},
	} {
		if is[0] != is[1] {
			t.Errorf("%s lies at byte %d, generated code takes it from %d", name, is[0], is[1])
		}
	}
}
