package split

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Every label's images come as near to their shares as its largest group allows, and no
// split without a share gets a group.
func TestAssignGroupsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Policy{Validation: rapid.SampledFrom([]float64{0, 10, 25}).Draw(t, "validation"), Testing: rapid.SampledFrom([]float64{0, 10, 30}).Draw(t, "testing")}
		labels := rapid.IntRange(1, 3).Draw(t, "labels")
		placed := make([][3]int, labels)
		var groups [][]int
		total, largest := make([]int, labels), 0
		for range rapid.IntRange(1, 60).Draw(t, "groups") {
			g := make([]int, labels)
			l, n := rapid.IntRange(0, labels-1).Draw(t, "label"), rapid.IntRange(2, 9).Draw(t, "size")
			g[l] = n
			total[l] += n
			largest = max(largest, n)
			groups = append(groups, g)
		}
		out := p.AssignGroups(groups, placed)
		again := p.AssignGroups(groups, placed)
		have := make([][3]int, labels)
		for g, s := range out {
			if again[g] != s {
				t.Fatal("another result the second time")
			}
			for l, n := range groups[g] {
				have[l][s] += n
			}
		}
		shares := [3]float64{100 - p.Validation - p.Testing, p.Validation, p.Testing}
		for l := range have {
			for s, share := range shares {
				if share == 0 && have[l][s] > 0 {
					t.Fatalf("label %d: %d images in a split without a share", l, have[l][s])
				}
				if want := share / 100 * float64(total[l]); math.Abs(float64(have[l][s])-want) > 2*float64(largest) {
					t.Fatalf("label %d: %d images in split %d, want %.1f; largest group %d", l, have[l][s], s, want, largest)
				}
			}
		}
	})
}

// What is placed already counts.
func TestAssignGroupsBesidePlaced(t *testing.T) {
	got := DefaultPolicy().AssignGroups([][]int{{2}, {10}, {2}}, [][3]int{{80, 0, 8}})
	if got[0] != Testing && got[2] != Testing || got[1] != Validation {
		t.Error(got)
	}
}
