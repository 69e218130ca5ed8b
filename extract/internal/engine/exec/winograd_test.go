package exec

import (
	"testing"

	"featstore/extract/internal/kernel"
)

// TestWinogradTransformsAreFound checks that the kernels' matrices are those of this package.
func TestWinogradTransformsAreFound(t *testing.T) {
	for _, s := range kernel.Sets() {
		if s.Name == "portable" {
			continue
		}
		for _, f := range []struct{ m, r int }{{2, 3}, {4, 3}, {4, 7}, {6, 7}} {
			m := newWinogradTransforms(f.m, f.r)
			if m.shorten(s); m.into == nil || m.back == nil {
				t.Errorf("%s has no shortcuts for %d outputs of %d taps", s.Name, f.m, f.r)
			}
		}
	}
}
