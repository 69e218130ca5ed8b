package nearest

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The nearest rows are those that sorting all products gives, with ties in order; so are
// those above a bound. Values are small whole numbers, so that products are exact and equal
// ones are common.
func TestNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dim := rapid.IntRange(1, 40).Draw(t, "dim")
		n := rapid.IntRange(0, 3*Rows).Draw(t, "rows")
		queries := rapid.IntRange(0, 2*Queries).Draw(t, "queries")
		k := rapid.IntRange(1, 12).Draw(t, "k")
		least := float32(rapid.IntRange(-5, 20).Draw(t, "least"))
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		numbers := func(n int) []float32 {
			out := make([]float32, n)
			for i := range out {
				out[i] = float32(rng.IntN(5) - 2)
			}
			return out
		}
		rows := numbers(n * dim)
		var asked [][]float32
		for range queries {
			asked = append(asked, numbers(dim))
		}
		top, above := map[int][]Neighbour{}, map[int][]Neighbour{}
		var tile Tile
		tile.Top(asked, rows, dim, k, func(q int, best []Neighbour) { top[q] = slices.Clone(best) })
		tile.Above(asked, rows, dim, least, func(q int, n Neighbour) { above[q] = append(above[q], n) })
		for q, query := range asked {
			all := sorted(query, rows, dim)
			if want := all[:min(k, n)]; !slices.Equal(top[q], want) {
				t.Fatalf("query %d: %v, want %v", q, top[q], want)
			}
			want := slices.DeleteFunc(all, func(n Neighbour) bool { return n.Dot < least })
			slices.SortFunc(want, func(a, b Neighbour) int { return cmp.Compare(a.Row, b.Row) })
			if !slices.Equal(above[q], want) {
				t.Fatalf("query %d: above %v: %v, want %v", q, least, above[q], want)
			}
		}
	})
}

// sorted returns all rows, the nearest first.
func sorted(query, rows []float32, dim int) []Neighbour {
	all := []Neighbour{}
	for at := 0; at < len(rows); at += dim {
		var dot float32
		for k, x := range query {
			dot += x * rows[at+k]
		}
		all = append(all, Neighbour{at / dim, dot})
	}
	slices.SortStableFunc(all, func(a, b Neighbour) int { return cmp.Compare(b.Dot, a.Dot) })
	return all
}
