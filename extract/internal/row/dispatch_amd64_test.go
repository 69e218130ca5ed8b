//go:build !purego

package row

import (
	"testing"

	"featstore/extract/cpu"
)

// TestInstructionsAreObeyed: the assembly runs exactly where package cpu chose it.
func TestInstructionsAreObeyed(t *testing.T) {
	was := instructions
	defer func() { instructions = was }()
	const n = 64
	pixels, plane, wide := make([]byte, 4*n), make([]byte, n), make([]int16, n+2)
	taps := Taps{Width: Lanes, First: make([]int32, n), Weights: make([]int32, n*Lanes)}
	taps.Check()
	for _, isa := range cpu.Supported() {
		instructions = isa
		ran := map[string]bool{
			"convert": convertVector(pixels, plane, plane, plane, &JFIF) > 0,
			"blend":   blendVector(wide[:n], plane, plane) > 0,
			"double":  doubleVector(make([]byte, 2*n), wide, 8, 7) > 0,
			"along":   alongVector(pixels, make([]byte, 4*taps.Need), &taps),
			"across":  acrossVector(plane, [][]byte{plane}, []int32{1}) > 0,
		}
		for name, assembly := range ran {
			if assembly != (isa >= cpu.AVX2) {
				t.Errorf("with %v, %s runs in assembly: %v", isa, name, assembly)
			}
		}
	}
}
