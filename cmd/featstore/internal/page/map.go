package page

import (
	"cmp"
	"fmt"
	"slices"

	"featstore/split"
	"featstore/train"
)

// A mapView is the photos on a plane.
type mapView struct {
	*train.Projection
	Points []pointView
	Legend []legendEntry
	Words  string
}

type pointView struct {
	X, Y   string
	Colour int // class of its colour
	Digest split.Digest
	Words  string
}

type legendEntry struct {
	Colour int
	Name   string
	Photos int
}

// mapColours is how many labels have a colour of their own; others share the last, as do
// photos without a label. mapSide is that of the picture.
const (
	mapColours = 9
	mapSide    = 1000
)

func viewMap(m *train.Projection, labels []Label) *mapView {
	v := &mapView{Projection: m}
	sorted := slices.Clone(labels)
	slices.SortStableFunc(sorted, func(a, b Label) int { return cmp.Compare(b.Photos, a.Photos) })
	colour := map[string]int{}
	others := 0
	for i, l := range sorted {
		if i >= mapColours {
			others++
			continue
		}
		colour[l.Name] = i + 1
	}
	counts := map[int]int{}
	for _, p := range m.Points {
		k := colour[p.Label] // 0 for others
		counts[k]++
		label := clean(p.Label)
		if p.Label == "" {
			label = "no label"
		}
		words := label + " · " + base(p.Paths)
		if p.Split != "" {
			words = label + ", " + clean(p.Split) + " · " + base(p.Paths)
		}
		v.Points = append(v.Points, pointView{place(p.X), place(-p.Y), k, p.Digest, words})
	}
	for i, l := range sorted[:min(len(sorted), mapColours)] {
		v.Legend = append(v.Legend, legendEntry{i + 1, clean(l.Name), counts[i+1]})
	}
	if counts[0] > 0 {
		name := "no label"
		if others > 0 {
			name = count(others, "other label")
		}
		v.Legend = append(v.Legend, legendEntry{0, name, counts[0]})
	}
	v.Words = fmt.Sprintf("The two directions in which the photos differ most; they show %.0f %% of all differences.", 100*m.Explained)
	if m.Method == train.ProjectTSNE {
		v.Words = "Drawn by t-SNE: neighbours are alike, distances between groups mean little."
	}
	return v
}

func place(x float64) string { return fmt.Sprintf("%.1f", mapSide/2+x*(mapSide/2-16)) }
