//go:build !purego

package kernel

import (
	"testing"
	"unsafe"
)

// TestFieldsLieWhereTheGeneratorThinks checks the constants in _asm/product.go
// and the depthwise ones.
func TestFieldsLieWhereTheGeneratorThinks(t *testing.T) {
	var a Tile
	var d Depthwise
	var r Transform
	for name, is := range map[string][2]uintptr{
		"Tile.A": {unsafe.Offsetof(a.A), 0}, "Tile.Offs": {unsafe.Offsetof(a.Offs), 24}, "Tile.K": {unsafe.Offsetof(a.K), 48},
		"Tile.LDA": {unsafe.Offsetof(a.LDA), 56}, "Tile.B": {unsafe.Offsetof(a.B), 64}, "Tile.Bias": {unsafe.Offsetof(a.Bias), 88},
		"Tile.C": {unsafe.Offsetof(a.C), 112}, "Tile.LDC": {unsafe.Offsetof(a.LDC), 136}, "Tile.R": {unsafe.Offsetof(a.R), 144},
		"Tile.LDR": {unsafe.Offsetof(a.LDR), 168}, "Tile.Lo": {unsafe.Offsetof(a.Lo), 176}, "Tile.Hi": {unsafe.Offsetof(a.Hi), 180},
		"Tile.Cols": {unsafe.Offsetof(a.Cols), 184}, "Tile.Tiles": {unsafe.Offsetof(a.Tiles), 200},
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
