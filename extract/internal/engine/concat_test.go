package engine

import (
	"fmt"
	"testing"

	"featstore/extract/internal/graph"
)

// TestRoll: parts of an image change views, as in Swin, alone and where a
// convolution wants a halo around the result, or where channels are a part of more.
func TestRoll(t *testing.T) {
	for _, axis := range []int64{1, 2, 3} {
		for _, behind := range []string{"nothing", "a convolution", "a wider concatenation"} {
			t.Run(fmt.Sprint(axis, " ", behind), func(t *testing.T) {
				b := newBuilder(4, 1, 5, 7, 6)
				part := func(from, to int64) string {
					return b.add("Slice", nil, "x", b.ints(from), b.ints(to), b.ints(axis))
				}
				joined := map[string]graph.Attr{"axis": axis}
				x := b.add("Concat", joined, part(3, 99), part(0, 3), b.add("Relu", nil, part(2, 3)))
				switch behind {
				case "a convolution":
					c := 5
					if axis == 1 {
						c = 6
					}
					x = b.conv(x, c, 4, 3, 1, map[string]graph.Attr{"pads": ints(1, 1, 1, 1)})
				case "a wider concatenation":
					x = b.add("Concat", map[string]graph.Attr{"axis": int64(1)}, b.add("Relu", nil, x), x)
				}
				b.check(t, b.add("Tanh", nil, x))
			})
		}
	}
}

// TestPadByNothing: exporters pad to whole windows, and write it where all fit.
func TestPadByNothing(t *testing.T) {
	steps := func(pad bool) int {
		b := newBuilder(4, 1, 5, 7, 6)
		x := b.add("Relu", nil, "x")
		if pad {
			x = b.add("Pad", nil, x, b.ints(0, 0, 0, 0, 0, 0, 0, 0))
		}
		return b.check(t, b.add("Tanh", nil, x)).Stats().Steps
	}
	if with, without := steps(true), steps(false); with != without {
		t.Errorf("%d steps, %d without the Pad", with, without)
	}
}

// TestPadBehindTranspose: what a Pad leaves alone may be another axis than the one that
// the Transpose before it moves.
func TestPadBehindTranspose(t *testing.T) {
	for _, perm := range [][]int64{{0, 2, 3, 1}, {0, 3, 1, 2}} {
		for _, pads := range [][]int64{{0, 0, 1, 0, 0, 0, 2, 1}, {0, 1, 0, 0, 0, 2, 1, 0}} {
			b := newBuilder(4, 1, 5, 7, 6)
			x := b.add("Transpose", map[string]graph.Attr{"perm": perm}, "x")
			b.check(t, b.add("Tanh", nil, b.add("Pad", nil, x, b.ints(pads...))))
		}
	}
}
