package extract

import (
	"errors"
	"testing"
)

// A share of the computation means the first cut above it, or a smaller one shortly after.
func TestFindCut(t *testing.T) {
	cuts := []Cut{
		{Tensor: "pixels", Shape: []int{1, 3, 8, 8}},
		{Tensor: "stem", Shape: []int{1, 8, 4, 4}, Below: 0.1},
		{Tensor: "wide", Shape: []int{1, 64, 4, 4}, Below: 0.5},
		{Tensor: "narrow", Shape: []int{1, 4, 4, 4}, Below: 0.54},
		{Tensor: "narrower", Shape: []int{1, 2, 4, 4}, Below: 0.56},
		{Tensor: "80%", Shape: []int{1, 16, 2, 2}, Below: 0.9},
	}
	for from, want := range map[string]string{
		"input": "pixels", "pixels": "pixels", "wide": "wide", "0%": "pixels", "0.1%": "stem", "10%": "stem", "11%": "wide", "50%": "narrow",
		"50.5%": "narrow", "51.5 %": "narrower", "55%": "narrower", "57%": "80%", "80%": "80%", "95%": "80%", "100%": "80%",
	} {
		if c, err := FindCut(cuts, from); err != nil || c.Tensor != want {
			t.Errorf("from %q: %q, %v, not %q", from, c.Tensor, err, want)
		}
	}
	for _, from := range []string{"", "nonesuch", "%", "-1%", "101%", "NaN%", "60"} {
		if c, err := FindCut(cuts, from); !errors.Is(err, ErrCut) {
			t.Errorf("from %q: %q, %v", from, c.Tensor, err)
		}
	}
	if c := CutAbove(cuts, cuts[2]); c.Tensor != "80%" {
		t.Errorf("above wide: %s", c.Tensor)
	}
	if c := CutAbove(cuts, cuts[5]); c.Tensor != "80%" {
		t.Errorf("above the last: %s", c.Tensor)
	}
}
