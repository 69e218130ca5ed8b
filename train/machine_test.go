package train

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"testing"

	"featstore/store"
	"featstore/store/storetest"
)

// What every kind of head learns from the same features, as the first bytes of the
// SHA-256 of its parameters. amd64 with and without assembly and arm64 under qemu
// give these. A change that means to change what is learnt writes new ones.
var sameEverywhere = map[string]string{
	KindSoftmax:  "9abf4b1e8474f888",
	KindLogistic: "0134800cb15b01a0",
	KindSVM:      "6a4f4e95f804c59c",
	KindLDA:      "54afb92cdfb26a1a",
	KindKNN:      "a6a5d198e6818487",
	KindBayes:    "78ba25cafc74379f",
	KindCentroid: "5fb41e7ea297a062",
	KindMLP:      "b67b032cc4e5b532",
}

// The same with views of the training images.
var sameEverywhereWithViews = map[string]string{
	KindSoftmax:  "ea966bcae5786c38",
	KindLogistic: "23ffd6a14644d0d8",
	KindSVM:      "7be3471b93aa81fe",
	KindLDA:      "3ec048c7e982dfc6",
	KindKNN:      "f4236abcc6580e2c",
	KindBayes:    "84578037348def25",
	KindMLP:      "54fa8c2784ec932f",
	KindCentroid: "da0755ba90282732",
}

func TestHeadsWithViewsAreTheSameOnEveryMachine(t *testing.T) {
	c := storetest.Clusters{Labels: 4, Images: 40, Dim: 75, Spread: 2.5, Seed: 7}
	db := filled(t, c)
	c.FillViews(t, db, 3, 1)
	learnt(t, db, sameEverywhereWithViews)
}

func TestHeadsAreTheSameOnEveryMachine(t *testing.T) {
	c := storetest.Clusters{Labels: 4, Images: 40, Dim: 75, Spread: 2.5, Seed: 7}
	sum := 0.0
	for i := range c.Images {
		for _, v := range c.Vector(i%c.Labels, i) {
			sum += float64(v)
		}
	}
	if got := math.Float64bits(sum); got != 0xc04602817d677c00 {
		t.Fatalf("the features themselves differ: their sum is %#x", got)
	}
	learnt(t, filled(t, c), sameEverywhere)
}

// learnt compares what every kind of head learns with the digests wanted.
func learnt(t *testing.T, db *store.DB, want map[string]string) {
	for _, kind := range Kinds {
		t.Run(kind, func(t *testing.T) {
			cfg := config(kind)
			cfg.RejectRate = 0         // the prototypes have a sum of their own
			cfg.Hidden = []int{40, 20} // of the mlp; fewer than by default, for the emulator
			if needsStrength(kind) {
				cfg.Balance = BalanceWeights
			}
			params, err := mustFit(t, db, cfg).marshalParams()
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(params)
			if got := hex.EncodeToString(sum[:8]); got != want[kind] {
				t.Errorf("learnt %s, elsewhere %s", got, want[kind])
			}
		})
	}
}
