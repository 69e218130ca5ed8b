package train

import (
	"compress/gzip"
	"encoding/csv"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"featstore/store"
	"featstore/store/storetest"
)

var (
	nextStores = flag.String("next.stores", "", "stores, joined by commas, whose photos TestNextBeatsRandom labels too")
	nextDraws  = flag.Int("next.draws", 5, "divisions of each data set in TestNextBeatsRandom")
)

// A labelling is a data set of which photos are labelled step by step.
type labelling struct {
	*table
	name string
}

// digits is the test set of UCI's handwritten digits, 1,797 pictures of 8×8, as
// scikit-learn has it.
func digits(t testing.TB) labelling {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "digits.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(z).ReadAll()
	if err != nil || len(lines) != 1797 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	tb := &table{labels: 10, dims: []int{64}}
	for _, line := range lines {
		row := make([]float32, 64)
		for k := range row {
			v, err := strconv.ParseFloat(line[k], 32)
			if err != nil {
				t.Fatal(err)
			}
			row[k] = float32(v)
		}
		unit(row)
		y, err := strconv.ParseFloat(line[64], 64)
		if err != nil {
			t.Fatal(err)
		}
		tb.rows, tb.truth = append(tb.rows, row), append(tb.truth, int(y))
	}
	return labelling{tb, "digits"}
}

// labelledPhotos is the photos of a store.
func labelledPhotos(t testing.TB, path string) labelling {
	t.Helper()
	db, err := store.Open(path, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	g, err := gather(t.Context(), db, nil, store.Placement.Placed, nil)
	if err != nil {
		t.Fatal(err)
	}
	tb, _ := g.table(g.where(store.Placement.Placed))
	return labelling{tb, strings.TrimSuffix(filepath.Base(path), ".db")}
}

const (
	nextSteps = 8
	nextBatch = 20
)

// simulate labels photos in steps, from a few that are drawn at random on, and returns the
// accuracy on the photos that take no part after each step.
func (l labelling) simulate(t testing.TB, seed uint64, pool *workerPool, choose func(c *chooser) []int) []float64 {
	order := rand.New(rand.NewPCG(seed, 1)).Perm(len(l.rows))
	test, open := order[:len(order)*3/10], order[len(order)*3/10:]
	known, open := open[:nextBatch], open[nextBatch:]
	var curve []float64
	for step := range nextSteps {
		c := &chooser{count: nextBatch, seed: seed*100 + uint64(step), pool: pool, blocks: l.dims}
		for _, i := range open {
			c.rows = append(c.rows, l.rows[i])
		}
		if err := c.learn(t.Context(), l.compact(known)); err != nil {
			t.Fatal(err)
		}
		chosen := map[int]bool{}
		for _, i := range choose(c) {
			chosen[open[i]] = true
		}
		if len(chosen) != nextBatch {
			t.Fatalf("%d photos chosen, want %d", len(chosen), nextBatch)
		}
		var rest []int
		for _, i := range open {
			if chosen[i] {
				known = append(known, i)
			} else {
				rest = append(rest, i)
			}
		}
		open = rest
		curve = append(curve, l.accuracy(t, known, test, pool))
	}
	return curve
}

// compact is the table of some photos, as a store that knows no others has it.
func (l labelling) compact(at []int) *table {
	g := &gathering{dims: l.dims}
	for _, i := range at {
		g.rows, g.digests = append(g.rows, l.rows[i]), append(g.digests, [32]byte{})
		g.places = append(g.places, store.Placement{Label: strconv.Itoa(l.truth[i])})
	}
	t, _ := g.table(g.where(store.Placement.Placed))
	return t
}

func (l labelling) accuracy(t testing.TB, known, test []int, pool *workerPool) float64 {
	layer, _, err := fitLogistic(t.Context(), l.subset2(known), nextStrength, nil, choosing.logistic, pool, nil)
	if err != nil {
		t.Fatal(err)
	}
	correct, _ := judge(layer, l.subset2(test))
	return float64(correct) / float64(len(test))
}

// subset2 is subset for a table without digests.
func (l labelling) subset2(at []int) *table {
	s := &table{labels: l.labels, dims: l.dims}
	for _, i := range at {
		s.rows, s.truth = append(s.rows, l.rows[i]), append(s.truth, l.truth[i])
	}
	return s
}

// Photos that Next chooses teach more than as many that are drawn at random.
func TestNextBeatsRandom(t *testing.T) {
	sets := []labelling{digits(t)}
	if *nextStores != "" {
		for _, path := range strings.Split(*nextStores, ",") {
			sets = append(sets, labelledPhotos(t, path))
		}
	}
	pool := newWorkerPool(0)
	defer pool.close()
	storetest.Dir(t)
	for _, l := range sets {
		gains := make([][]float64, nextSteps+1)
		means := make([][2]float64, nextSteps)
		for seed := range uint64(*nextDraws) {
			rng := rand.New(rand.NewPCG(seed, 2))
			random := l.simulate(t, seed, pool, func(c *chooser) []int { return rng.Perm(len(c.rows))[:nextBatch] })
			next := l.simulate(t, seed, pool, (*chooser).choose)
			area := 0.0
			for step := range next {
				gain := next[step] - random[step]
				gains[step] = append(gains[step], gain)
				means[step][0] += random[step] / float64(*nextDraws)
				means[step][1] += next[step] / float64(*nextDraws)
				area += gain / nextSteps
			}
			gains[nextSteps] = append(gains[nextSteps], area)
		}
		for step, m := range means {
			s := summarise(gains[step], 0)
			t.Logf("%s, %3d labelled: random %.1f %%, next %.1f %%, difference %+.1f ± %.1f", l.name, (step+2)*nextBatch, 100*m[0], 100*m[1], 100*s.mean,
				100*s.margin)
		}
		s := summarise(gains[nextSteps], 0)
		t.Logf("%s, mean of the curve: difference %+.2f ± %.2f points", l.name, 100*s.mean, 100*s.margin)
		if math.IsNaN(s.mean) || s.mean-s.margin <= 0 {
			t.Errorf("%s: next is better by %.2f ± %.2f points: not shown", l.name, 100*s.mean, 100*s.margin)
		}
	}
}
