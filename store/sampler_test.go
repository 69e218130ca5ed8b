package store_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// uneven makes a store whose labels have 5, 40 and 155 images, by two models.
func uneven(t testing.TB) (*store.DB, *store.Index) {
	t.Helper()
	db, err := store.Open(storetest.Dir(t)+"/features.db", store.Options{Create: true, Policy: &split.Policy{}})
	if err != nil {
		t.Fatal(err)
	}
	storetest.CheckAtEnd(t, db)
	for _, c := range []storetest.Clusters{{Model: "a", Labels: 3, Images: 155, Dim: 6}, {Model: "b", Labels: 3, Images: 155, Dim: 1200}} {
		c.Fill(t, db)
	}
	c := storetest.Clusters{Model: "a"}
	err = db.Update(func(tx *store.Tx) error {
		for l, n := range []int{5, 40} {
			for i := n; i < 155; i++ {
				at, _, err := tx.Locations(c.Digest(l, i))
				if err != nil {
					return err
				}
				if err := tx.DeleteImage(at[0].Root, at[0].Path); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ix, err := db.Index([]string{"a"}, split.Training)
	if err != nil {
		t.Fatal(err)
	}
	if len(ix.Keys) != 3 || len(ix.Keys[0]) != 5 || len(ix.Keys[1]) != 40 || len(ix.Keys[2]) != 155 || ix.Len() != 200 {
		t.Fatalf("index of %d labels, %d images", len(ix.Keys), ix.Len())
	}
	return db, ix
}

// chiSquare compares counts with equal expectation. It returns the statistic in
// standard deviations from its mean, which is about normal for many cells.
func chiSquare(counts map[split.Digest]int, cells, draws int) float64 {
	want := float64(draws) / float64(cells)
	x2 := float64(cells-len(counts)) * want
	for _, n := range counts {
		x2 += (float64(n) - want) * (float64(n) - want) / want
	}
	df := float64(cells - 1)
	return (x2 - df) / math.Sqrt(2*df)
}

// Draws are uniform over labels and, within each label, over its images, whatever
// the gaps between the keys.
func TestDrawIsUniform(t *testing.T) {
	db, ix := uneven(t)
	s, err := db.NewSampler(ix)
	if err != nil {
		t.Fatal(err)
	}
	src := rand.NewPCG(11, 12)
	byLabel := make([]map[split.Digest]int, 3)
	for l := range byLabel {
		byLabel[l] = map[split.Digest]int{}
	}
	perLabel := make([]int, 3)
	const batches, size = 3000, 100
	for range batches {
		b, err := s.Draw(src, size)
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range b.Digests {
			byLabel[b.Labels[i]][d]++
			perLabel[b.Labels[i]]++
		}
	}
	for l, n := range perLabel {
		if sigma := (float64(n) - batches*size/3) / math.Sqrt(batches*size*2/9.0); math.Abs(sigma) > 4 {
			t.Errorf("label %d: %d draws, %.1f standard deviations off", l, n, sigma)
		}
		if z := chiSquare(byLabel[l], len(ix.Keys[l]), n); math.Abs(z) > 4 {
			t.Errorf("label %d: χ² is %.1f standard deviations off", l, z)
		}
	}
	all := map[split.Digest]int{}
	for range batches {
		b, err := s.DrawImages(src, size)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range b.Digests {
			all[d]++
		}
	}
	if z := chiSquare(all, ix.Len(), batches*size); math.Abs(z) > 4 {
		t.Errorf("DrawImages: χ² is %.1f standard deviations off", z)
	}
}

func TestUniformCoversItsRange(t *testing.T) {
	src := rand.NewPCG(1, 1)
	for _, n := range []int{1, 2, 3, 7, 1 << 20, math.MaxInt32} {
		lo, hi := n, 0
		for range 2000 {
			x := store.Uniform(src, n)
			lo, hi = min(lo, x), max(hi, x)
		}
		if lo < 0 || hi >= n || n <= 7 && (lo != 0 || hi != n-1) {
			t.Errorf("n = %d: from %d to %d", n, lo, hi)
		}
	}
	// The rejected draws of Lemire's method: n = 3 rejects only a low half of zero.
	if x := store.Uniform(&fixedSource{[]uint64{0, 1 << 63}}, 3); x != 1 {
		t.Errorf("got %d after a rejection", x)
	}
}

type fixedSource struct{ values []uint64 }

func (s *fixedSource) Uint64() uint64 {
	v := s.values[0]
	s.values = s.values[1:]
	return v
}

// What is drawn is part of what a seed promises, on every machine.
func TestDrawIsFrozen(t *testing.T) {
	db, ix := uneven(t)
	s, err := db.NewSampler(ix)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Draw(rand.NewPCG(1, 2), 8)
	if err != nil {
		t.Fatal(err)
	}
	var ranks []int
	for i, d := range b.Digests {
		r, ok := slices.BinarySearchFunc(ix.Keys[b.Labels[i]], d, split.Digest.Compare)
		if !ok {
			t.Fatal("a digest that is not in the index")
		}
		ranks = append(ranks, r)
	}
	if want := []int{0, 0, 1, 1, 1, 2, 2, 2}; !slices.Equal(b.Labels, want) {
		t.Errorf("labels %v, want %v", b.Labels, want)
	}
	if want := []int{0, 0, 17, 17, 31, 18, 95, 123}; !slices.Equal(ranks, want) {
		t.Errorf("ranks %v, want %v", ranks, want)
	}
}

// Rows are those of the digests, in the order of the index, by one model in the
// file itself, by several concatenated; and so they stay over many batches, while
// the store changes elsewhere.
func TestBatchRows(t *testing.T) {
	db, _ := uneven(t)
	a, b := storetest.Clusters{Model: "a", Dim: 6}, storetest.Clusters{Model: "b", Dim: 1200}
	vectors := map[split.Digest][2][]float32{}
	for l := range 3 {
		for i := range 155 {
			vectors[a.Digest(l, i)] = [2][]float32{a.Vector(l, i), b.Vector(l, i)}
		}
	}
	for _, models := range [][]string{{"a"}, {"b"}, {"b", "a"}} {
		ix, err := db.Index(models, split.Training)
		if err != nil {
			t.Fatal(err)
		}
		s, err := db.NewSampler(ix)
		if err != nil {
			t.Fatal(err)
		}
		src := rand.NewPCG(3, 3)
		for n := range 600 {
			batch, err := s.Draw(src, 7)
			if err != nil {
				t.Fatal(err)
			}
			for i, row := range batch.Rows {
				var want []float32
				for _, m := range models {
					want = append(want, vectors[batch.Digests[i]][m[0]-'a']...)
				}
				if len(row) != ix.Dim() || !slices.Equal(row, want) {
					t.Fatalf("batch %d row %d of %v is another vector", n, i, models)
				}
				if uintptr(unsafe.Pointer(&row[0]))%4 != 0 {
					t.Fatal("a row is not aligned")
				}
				if i > 0 && (batch.Labels[i] < batch.Labels[i-1] || batch.Labels[i] == batch.Labels[i-1] && batch.Digests[i].Compare(batch.Digests[i-1]) < 0) {
					t.Fatal("a batch is not sorted")
				}
			}
			if n%50 == 0 {
				if err := db.Update(func(tx *store.Tx) error { _, err := tx.PutRoot(store.Root{}); return err }); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func TestSamplerDoesNotAllocate(t *testing.T) {
	db, _ := uneven(t)
	for _, models := range [][]string{{"a"}, {"b"}, {"b", "a"}} {
		ix, err := db.Index(models, split.Training)
		if err != nil {
			t.Fatal(err)
		}
		s, err := db.NewSampler(ix)
		if err != nil {
			t.Fatal(err)
		}
		src := rand.NewPCG(3, 3)
		draw := func() {
			if _, err := s.Draw(src, 100); err != nil {
				t.Fatal(err)
			}
			if _, err := s.DrawImages(src, 100); err != nil {
				t.Fatal(err)
			}
		}
		draw()
		if n := testing.AllocsPerRun(100, draw); n != 0 {
			t.Errorf("%v: %v allocations a batch", models, n)
		}
	}
}

func TestSamplerNoticesChanges(t *testing.T) {
	db, ix := uneven(t)
	s, err := db.NewSampler(ix)
	if err != nil {
		t.Fatal(err)
	}
	src := rand.NewPCG(1, 1)
	if _, err := s.Draw(src, 10); err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *store.Tx) error {
		for _, d := range ix.Keys[0] {
			if err := tx.SetSplit(d, split.Testing); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if _, err = s.Draw(src, 10); err != nil {
			break
		}
	}
	if !errors.Is(err, store.ErrStale) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Draw(src, 1); !errors.Is(err, store.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestSamplerOfNothing(t *testing.T) {
	db, ix := uneven(t)
	empty, left := ix.Align([]string{"x"})
	if left != 200 {
		t.Errorf("left %d", left)
	}
	s, err := db.NewSampler(empty)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Draw(rand.NewPCG(1, 1), 1); err == nil {
		t.Error("drew from nothing")
	}
	if _, err := s.DrawImages(rand.NewPCG(1, 1), 1); err == nil {
		t.Error("drew from nothing")
	}
}

// Closing the store ends samplers instead of waiting for them.
func TestCloseEndsSamplers(t *testing.T) {
	db, ix := uneven(t)
	s, err := db.NewSampler(ix)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Draw(rand.NewPCG(1, 1), 1); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Draw(rand.NewPCG(1, 1), 1); !errors.Is(err, store.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := db.NewSampler(ix); !errors.Is(err, store.ErrClosed) {
		t.Errorf("NewSampler after Close: %v", err)
	}
	if err := errors.Join(s.Close(), db.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if err := db.View(func(*store.Tx) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("View after Close: %v", err)
	}
}

func TestAlign(t *testing.T) {
	_, ix := uneven(t)
	got, left := ix.Align([]string{"label02", "none", "label00", "label00"})
	if left != 40 || len(got.Keys[0]) != 155 || len(got.Keys[1]) != 0 || len(got.Keys[2]) != 5 || got.Labels[1] != "none" {
		t.Errorf("%d left, %d keys", left, len(got.Keys))
	}
}

func TestFingerprintChangesWithTheSplit(t *testing.T) {
	_, ix := uneven(t)
	seen := map[split.Digest]bool{ix.Fingerprint(): true}
	order, _ := ix.Align([]string{"label02", "label00", "label01"})
	if !seen[order.Fingerprint()] {
		t.Error("it depends on the order of labels")
	}
	for _, change := range []func(*store.Index){
		func(x *store.Index) { x.Labels[0] = "renamed" },
		func(x *store.Index) { x.Keys[1] = x.Keys[1][1:] },
		func(x *store.Index) { x.Keys[0], x.Keys[1] = x.Keys[1], x.Keys[0] },
	} {
		x := *ix
		x.Labels, x.Keys = slices.Clone(ix.Labels), slices.Clone(ix.Keys)
		change(&x)
		if f := x.Fingerprint(); seen[f] {
			t.Error("a change does not show")
		} else {
			seen[f] = true
		}
	}
}
