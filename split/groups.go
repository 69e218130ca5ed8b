package split

import (
	"cmp"
	"slices"
)

// AssignGroups puts each group of images wholly into one split, so that of each label the
// splits get about their shares. groups has a row a group: how many images of each label
// it has. placed counts the images of each label that are in each split already. The
// largest groups choose first, of equally large ones the first, and each goes where it
// is wanted most; a split whose share is 0 gets none. The result has a split a group.
//
// How near the shares come depends on the groups: with one of half the images, some split
// has half or more.
func (p Policy) AssignGroups(groups [][]int, placed [][len(All)]int) []Split {
	shares := [len(All)]float64{Training: 100 - p.Validation - p.Testing, Validation: p.Validation, Testing: p.Testing}
	have := slices.Clone(placed)
	totals := make([]int, len(have)) // images of each label
	for l, n := range have {
		totals[l] = n[0] + n[1] + n[2]
	}
	order := make([]int, len(groups))
	sizes := make([]int, len(groups))
	for g, counts := range groups {
		order[g] = g
		for l, n := range counts {
			sizes[g] += n
			totals[l] += n
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sizes[b], sizes[a]) })
	out := make([]Split, len(groups))
	for _, g := range order {
		best, least := Training, 0.0
		for i, s := range All {
			if shares[s] <= 0 {
				continue
			}
			if cost := dealCost(groups[g], have, totals, s, shares[s]/100); i == 0 || cost < least {
				best, least = s, cost
			}
		}
		out[g] = best
		for l, n := range groups[g] {
			have[l][best] += n
		}
	}
	return out
}

// dealCost is how much farther from its share a split is with a group than without: the
// squares of the differences over the number of images wanted, summed over the labels.
func dealCost(group []int, have [][len(All)]int, totals []int, s Split, share float64) float64 {
	cost := 0.0
	for l, n := range group {
		if n == 0 {
			continue
		}
		want := float64(share * float64(totals[l]))
		excess := float64(have[l][s]) - want
		cost += float64(n) * (float64(n) + float64(2*excess)) / want
	}
	return cost
}
