package extract

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"featstore/extract/internal/passes"
)

// A Cut is a tensor of a network that everything behind it is computed from: where it
// can be parted into what stays frozen and what is trained.
type Cut = passes.Cut

// ErrCut: a network cannot be parted there.
var ErrCut = errors.New("the network cannot be parted there")

// Cuts returns where the network can be parted, from its input on.
func (n *Network) Cuts() ([]Cut, error) {
	g, known, err := n.folded()
	if err != nil {
		return nil, err
	}
	return passes.Cuts(g, known), nil
}

// FindCut returns the one of a network's cuts that is meant: by the name of its tensor, by
// "input", or by a share of the computation such as "60%", see CutAt. Its errors wrap
// ErrCut.
func FindCut(cuts []Cut, from string) (Cut, error) {
	if from == "input" {
		return cuts[0], nil
	}
	for _, c := range cuts {
		if c.Tensor == from {
			return c, nil
		}
	}
	number, isShare := strings.CutSuffix(from, "%")
	if !isShare {
		return Cut{}, fmt.Errorf("%s: %w", from, ErrCut)
	}
	percent, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(percent >= 0 && percent <= 100) {
		return Cut{}, fmt.Errorf("%s: %w: want 0%% to 100%%", from, ErrCut)
	}
	return CutAt(cuts, percent/100), nil
}

// near is how much further up a cut may be than asked for, as a share of the computation,
// if it has fewer activations.
const near = 0.05

// CutAt returns the first of a network's cuts below which at least a share of the
// computation lies, 0 to 1, or one up to 0.05 further up: of those the one with the fewest
// activations. Above the last cut it is that one; at 0 the input.
func CutAt(cuts []Cut, share float64) Cut {
	if share <= 0 {
		return cuts[0]
	}
	first := slices.IndexFunc(cuts, func(c Cut) bool { return c.Below >= share })
	if first < 0 {
		return cuts[len(cuts)-1]
	}
	best := cuts[first]
	for _, c := range cuts[first:] {
		if c.Below <= share+near && c.Len() < best.Len() {
			best = c
		}
	}
	return best
}

// CutAbove returns a cut some way further up than another one, or the last one.
func CutAbove(cuts []Cut, c Cut) Cut { return CutAt(cuts, c.Below+2*near) }
