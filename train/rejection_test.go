package train

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"featstore/split"
	"featstore/store/storetest"
)

func TestThreshold(t *testing.T) {
	known := []float64{0.9, 0.5, 0.7, 0.6, 0.95, 0.8, 0.99, 0.85, 0.75, 0.65}
	for _, c := range []struct{ rate, threshold float64 }{{0.1, 0.5}, {0.05, 0.5}, {0.2, 0.6}, {0.35, 0.65}, {0.99, 0.99}} {
		r := chooseThreshold(known, c.rate)
		if r.Threshold != c.threshold || r.Images != 10 || r.By != BySimilarity {
			t.Errorf("rate %v: %+v, want threshold %v", c.rate, r, c.threshold)
		}
	}
}

// Of new numbers drawn like those that the threshold was chosen on, no more than the
// rate fall below it on average.
func TestThresholdKeepsTheRate(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, rate := range []float64{0.05, 0.2} {
		below, all := 0, 0
		for range 400 {
			known := make([]float64, 50)
			for i := range known {
				known[i] = rng.NormFloat64()
			}
			threshold := chooseThreshold(known, rate).Threshold
			for range 100 {
				if all++; rng.NormFloat64() < threshold {
					below++
				}
			}
		}
		if share := float64(below) / float64(all); share > rate+0.006 || share < rate-0.025 {
			t.Errorf("rate %v: %v of new ones rejected", rate, share)
		}
	}
}

// Vectors of a cluster that the head has never seen are rejected, new ones of those it
// knows are not, and the testing split shows what the threshold does.
func TestStrangersAreRejected(t *testing.T) {
	c := storetest.Clusters{Labels: 4, Images: 200, Dim: 60, Spread: 0.8}
	db := filled(t, c)
	for _, kind := range []string{KindLogistic, KindSoftmax, KindKNN} {
		h, r, err := Train(context.Background(), db, config(kind), nil)
		if err != nil {
			t.Fatal(err)
		}
		if h.Reject.Rate != DefaultRejectRate || h.Reject.Images < 600 {
			t.Errorf("%s: threshold %+v", kind, h.Reject)
		}
		if r.Reject == nil || r.Reject.Share.Low > 0.08 || r.Reject.Share.Total != r.Accuracy.Total {
			t.Errorf("%s: rejection of the testing split %+v", kind, r.Reject)
		}
		known, strange := 0, 0
		probs := make([]float64, len(h.Labels))
		others := storetest.Clusters{Labels: 8, Images: 1, Dim: 60, Spread: 0.8, Seed: 99}
		for i := range 200 {
			if h.Rejects(c.Vector(i%4, 1000+i), probs) {
				known++
			}
			if h.Rejects(others.Vector(i%8, i), probs) {
				strange++
			}
		}
		if known > 20 || strange < 180 {
			t.Errorf("%s: rejects %d of 200 known and %d of 200 strange ones", kind, known, strange)
		}
	}
}

func TestNothingIsRejectedAtRateZero(t *testing.T) {
	db := filled(t, storetest.Clusters{Labels: 2, Images: 30, Dim: 8, Spread: 1})
	cfg := config(KindCentroid)
	cfg.RejectRate = 0
	h := mustFit(t, db, cfg)
	if _, ok := h.Similarity(make([]float32, 8)); ok || h.CanReject() || h.Rejects(make([]float32, 8), []float64{0.5, 0.5}) {
		t.Errorf("rejects all the same: %+v", h.Reject)
	}
}

// A head of an older version rejects by its probability.
func TestOldHeadsRejectByProbability(t *testing.T) {
	h := &Head{Reject: Rejection{Rate: 0.05, Threshold: 0.6, Images: 40}}
	if !h.Rejects(nil, []float64{0.5, 0.5}) || h.Rejects(nil, []float64{0.3, 0.7}) {
		t.Error("the threshold is not one of probability")
	}
}

// The same images give the same prototypes to the last bit on every machine.
func TestPrototypesAreTheSameOnEveryMachine(t *testing.T) {
	h := mustFit(t, filled(t, storetest.Clusters{Labels: 4, Images: 40, Dim: 75, Spread: 2.5, Seed: 7}), config(KindCentroid))
	b, err := msgpack.Marshal(h.prototypes.rows)
	if err != nil {
		t.Fatal(err)
	}
	const want = "5399b73a6d8fd8c7"
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:8]) != want {
		t.Errorf("prototypes %x, elsewhere %s; threshold %v", sum[:8], want, h.Reject.Threshold)
	}
}

func TestPrototypesLieAmongTheirImages(t *testing.T) {
	pool := onePool(t)
	rapid.Check(t, func(t *rapid.T) {
		c := storetest.Clusters{Labels: rapid.IntRange(1, 4).Draw(t, "labels"), Dim: rapid.IntRange(1, 30).Draw(t, "dim"), Spread: 1,
			Seed: rapid.Uint64().Draw(t, "seed")}
		n := rapid.IntRange(1, 60).Draw(t, "images")
		table := &table{labels: c.Labels, dims: []int{c.Dim}}
		for i := range n {
			table.rows = append(table.rows, c.Vector(i%c.Labels, i))
			table.truth = append(table.truth, i%c.Labels)
		}
		compressed := (&prototypes{blocks: table.dims}).compressed(table, pool)
		p := fitPrototypes(compressed, 1, pool)
		if got := len(p.rows) / c.Dim; got < 1 || got > c.Labels*mostPrototypes {
			t.Fatalf("%d prototypes", got)
		}
		if !allFinite(p.rows) {
			t.Fatal("prototypes that are no numbers")
		}
		for i, s := range p.similarities(compressed.rows) {
			if s < -1.0001 || s > 1.0001 || s-s != 0 {
				t.Fatalf("similarity %v of image %d", s, i)
			}
		}
	})
}

func TestDamagedRejection(t *testing.T) {
	db := filled(t, storetest.Clusters{Labels: 2, Images: 30, Dim: 6, Spread: 1})
	for what, damage := range map[string]func(*Head){
		"no prototypes":   func(h *Head) { h.prototypes = nil },
		"half a one":      func(h *Head) { h.prototypes.rows = h.prototypes.rows[1:] },
		"another measure": func(h *Head) { h.Reject.By = "distance" },
		"negative count":  func(h *Head) { h.Reject.Images = -1 },
	} {
		h := mustFit(t, db, config(KindCentroid))
		damage(h)
		record, err := h.record("h")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := FromRecord(record); !errors.Is(err, ErrHeadCorrupt) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The labels of the testing split have no part in the threshold.
func TestRejectionLeavesTheTestingSplitAlone(t *testing.T) {
	c := storetest.Clusters{Labels: 3, Images: 60, Dim: 12, Spread: 1}
	whole, without := filled(t, c), filled(t, c)
	fixSplits(t, whole, c, func(l, i int) split.Split { return [...]split.Split{0, 0, 1, 2}[i%4] })
	fixSplits(t, without, c, func(l, i int) split.Split { return [...]split.Split{0, 0, 1, 2}[i%4] })
	relabel(t, without, c, func(s split.Split, l int) int {
		if s == split.Testing {
			return (l + 1) % c.Labels
		}
		return l
	})
	a, b := mustFit(t, whole, config(KindCentroid)), mustFit(t, without, config(KindCentroid))
	if a.Reject != b.Reject || !sameBits(a.prototypes.rows, b.prototypes.rows) {
		t.Errorf("%+v with other labels to test, %+v", b.Reject, a.Reject)
	}
}
