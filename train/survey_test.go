package train

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// driftStore has photos of two labels, whose files' dates ascend; those of the last fifth
// are moved by shift in one direction. The shares of the labels differ between old and new.
func driftStore(t testing.TB, shift float64) *store.DB {
	t.Helper()
	db := storetest.Open(t)
	rng := rand.New(rand.NewPCG(7, 7))
	const n, dim = 500, 24
	err := db.Update(func(tx *store.Tx) error {
		_, err := tx.PutRoot(store.Root{Path: "/photos", Name: "photos"})
		errs := []error{err, tx.PutModel(store.Model{ID: "m", Dim: dim})}
		for i := range n {
			d := split.SumBytes([]byte(fmt.Sprint(i)))
			isNew := i >= n*4/5
			label := 0
			if rng.Float64() < map[bool]float64{false: 0.3, true: 0.8}[isNew] {
				label = 1
			}
			vec := make([]float32, dim)
			for k := range vec {
				vec[k] = float32(rng.NormFloat64())
			}
			vec[label] += 5
			if isNew {
				vec[7] += float32(shift)
			}
			im := store.Image{Digest: d, Label: fmt.Sprint(label), MTime: int64(1e18) + int64(i)*1e9}
			errs = append(errs, tx.PutImage(1, fmt.Sprint(i), im), tx.PutVector("m", d, vec))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// A difference is found where there is one, and none where only the labels are mixed in
// another way.
func TestFindDrift(t *testing.T) {
	for _, c := range []struct {
		shift         float64
		shown, strong bool
	}{{0, false, false}, {3, true, true}} {
		d, err := FindDrift(t.Context(), driftStore(t, c.shift), nil, 0)
		if err != nil || d == nil {
			t.Fatal(d, err)
		}
		if d.Shown() != c.shown || d.Strong != c.strong || d.By != "date" || d.New != 100 || d.Old != 400 {
			t.Errorf("shift %g: %+v", c.shift, d)
		}
	}
	db, _ := groupedStore(t, 2, 40) // all of one date
	if d, err := FindDrift(t.Context(), db, nil, 0); d != nil || err != nil {
		t.Errorf("%+v, %v", d, err)
	}
}

// The photo that is like no other comes first.
func TestOddOnes(t *testing.T) {
	db, _ := groupedStore(t, 4, 30)
	odd := split.SumBytes([]byte("odd"))
	err := db.Update(func(tx *store.Tx) error {
		vec := make([]float32, 8)
		vec[7] = -1
		return errors.Join(tx.PutImage(1, "odd.jpg", store.Image{Digest: odd, Label: "label1"}), tx.PutVector("m", odd, vec))
	})
	if err != nil {
		t.Fatal(err)
	}
	ones, err := OddOnes(t.Context(), db, nil, 5)
	if err != nil || len(ones) != 5 || ones[0].Digest != odd || ones[0].Label() != "label1" || ones[0].Similarity >= ones[1].Similarity {
		t.Errorf("%+v, %v", ones, err)
	}
}

// Groups are those that comparing photos one by one gives.
func TestNearlySame(t *testing.T) {
	db, group := groupedStore(t, 3, 15)
	g, err := gather(t.Context(), db, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	const least = 0.9
	sets := newDisjointSets(len(g.rows))
	for i, a := range g.rows {
		for j, b := range g.rows[:i] {
			dot := 0.0
			for k := range a {
				dot += float64(a[k]) * float64(b[k])
			}
			if math.Abs(dot-least) < 1e-6 {
				t.Fatal("too near to the bound to tell")
			}
			if dot >= least {
				sets.join(i, j)
			}
		}
	}
	members := map[int]int{}
	for i := range g.rows {
		members[sets.find(i)]++
	}
	wantGroups, wantPhotos := 0, 0
	for _, n := range members {
		if n > 1 {
			wantGroups, wantPhotos = wantGroups+1, wantPhotos+n
		}
	}
	groups, total, photos, err := NearlySame(t.Context(), db, NearOptions{Least: least})
	if err != nil || total != wantGroups || photos != wantPhotos || len(groups) != total || total == 0 {
		t.Fatalf("%d groups of %d photos, want %d of %d, %v", total, photos, wantGroups, wantPhotos, err)
	}
	for _, near := range groups {
		for _, im := range near.Images {
			if group[im.Digest] != group[near.Images[0].Digest] || len(im.Paths) != 1 {
				t.Errorf("%+v", near)
			}
		}
	}
}

// Photos of a group lie together on the map, by either method, and the same way each time.
func TestProject(t *testing.T) {
	db, group := groupedStore(t, 3, 40)
	for _, method := range []string{ProjectPCA, ProjectTSNE} {
		opt := ProjectionOptions{Method: method, Seed: 3}
		p, err := Project(t.Context(), db, opt)
		if err != nil || len(p.Points) != 120 || p.Photos != 120 {
			t.Fatalf("%+v, %v", p, err)
		}
		again, err := Project(t.Context(), db, opt)
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Errorf("%s: another map the second time, %v", method, err)
		}
		var within, between []float64
		for i, a := range p.Points {
			if math.Abs(a.X) > 1 || math.Abs(a.Y) > 1 || len(a.Paths) != 1 {
				t.Errorf("%s: %+v", method, a)
			}
			for _, b := range p.Points[:i] {
				d := math.Hypot(a.X-b.X, a.Y-b.Y)
				if group[a.Digest] == group[b.Digest] {
					within = append(within, d)
				} else {
					between = append(between, d)
				}
			}
		}
		if w, b := mean(within), mean(between); w > b/2 {
			t.Errorf("%s: distances of %.2f within groups, of %.2f between them", method, w, b)
		}
	}
	p, err := Project(t.Context(), db, ProjectionOptions{Most: 50})
	if err != nil || len(p.Points) != 50 || p.Photos != 120 {
		t.Errorf("%d of %d, %v", len(p.Points), p.Photos, err)
	}
	if _, err := Project(t.Context(), db, ProjectionOptions{Method: "umap"}); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v, want ErrConfig", err)
	}
	for n := range 5 { // too few for anything
		db, _ := groupedStore(t, 1, n)
		for _, method := range []string{ProjectPCA, ProjectTSNE} {
			if p, err := Project(t.Context(), db, ProjectionOptions{Method: method}); err != nil || len(p.Points) != n {
				t.Errorf("%s of %d photos: %+v, %v", method, n, p, err)
			}
		}
	}
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v / float64(len(values))
	}
	return sum
}
