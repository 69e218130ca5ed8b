package engine

import (
	"fmt"
	"testing"

	"featstore/extract/internal/graph"
)

// TestNarrowGroups: groups of few channels, which are computed several at a time,
// and numbers of them that do not divide evenly.
func TestNarrowGroups(t *testing.T) {
	for _, c := range []struct{ groups, in, out int }{{2, 1, 4}, {8, 4, 4}, {5, 4, 4}, {6, 8, 3}, {7, 2, 5}, {12, 1, 2}, {4, 20, 2}, {3, 16, 16}, {32, 4, 4}} {
		for _, k := range []int{1, 3} {
			t.Run(fmt.Sprintf("%d×(%d→%d) %d×%d", c.groups, c.in, c.out, k, k), func(t *testing.T) {
				b := newBuilder(9, 1, c.groups*c.in, 7, 6)
				y := b.conv("x", c.groups*c.in, c.groups*c.out, k, c.groups, map[string]graph.Attr{"pads": ints(1, 1, 1, 1), "strides": ints(1, 2)})
				b.check(t, b.add("HardSwish", nil, y))
			})
		}
	}
}
