package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

func TestHeadRoundTrip(t *testing.T) {
	c := storetest.Clusters{Labels: 3, Images: 60, Dim: 12, Spread: 1}
	db := filled(t, c)
	h, _, err := Train(context.Background(), db, quick(100), nil)
	if err != nil {
		t.Fatal(err)
	}
	h.Version = "1.2.3"
	if err := h.Save(db, "flowers"); err != nil {
		t.Fatal(err)
	}
	back, err := Load(db, "flowers")
	if err != nil {
		t.Fatal(err)
	}
	requireSameLayer(t, h, back)
	if d := cmp.Diff(h, back, cmp.AllowUnexported(Head{}, layer{}, prototypes{})); d != "" {
		t.Errorf("head changed on its way through the store:\n%s", d)
	}
	a, b := make([]float64, 3), make([]float64, 3)
	for i := range 20 {
		x := c.Vector(i%3, i)
		if err := errors.Join(h.Predict(x, a), back.Predict(x, b)); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("predictions %v and %v", a, b)
		}
	}
}

func TestHeadTellsWhatItWasTrainedOn(t *testing.T) {
	c := storetest.Clusters{Labels: 2, Images: 50, Dim: 6, Spread: 1}
	db := filled(t, c)
	h := mustFit(t, db, quick(5))
	sum := [3]int{}
	for _, n := range h.Trained.Counts {
		for s := range n {
			sum[s] += n[s]
		}
	}
	if sum[0]+sum[1]+sum[2] != 100 || sum[0] < 60 || h.Trained.Policy != split.DefaultPolicy() || h.Models[0] != "m" || h.Config.Models[0] != "m" {
		t.Errorf("trained on %+v, config %+v", h.Trained, h.Config)
	}
	fresh := func(want bool, after string) {
		t.Helper()
		if got, err := h.Fresh(db); err != nil || got != want {
			t.Errorf("after %s: fresh is %v, %v", after, got, err)
		}
	}
	fresh(true, "training")
	var train, test int
	for i := range c.Images {
		if split.DefaultPolicy().Assign(c.Digest(0, i)) == split.Training {
			train = i
		} else {
			test = i
		}
	}
	remove := func(i int) {
		err := db.Update(func(tx *store.Tx) error { return tx.DeleteImage(1, fmt.Sprintf("label00/%06d.jpg", i)) })
		if err != nil {
			t.Fatal(err)
		}
	}
	remove(test)
	fresh(true, "removing an image that is not trained on")
	remove(train)
	fresh(false, "removing a training image")
}

func TestPredictChecksLengths(t *testing.T) {
	db := filled(t, storetest.Clusters{Labels: 2, Images: 30, Dim: 6, Spread: 1})
	h := mustFit(t, db, quick(5))
	if err := h.Predict(make([]float32, 5), make([]float64, 2)); !errors.Is(err, ErrWrongFeature) {
		t.Errorf("5 of 6 features: %v", err)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if err := h.Predict([]float32{0, 0, float32(bad), 0, 0, 0}, make([]float64, 2)); !errors.Is(err, ErrNotFinite) {
			t.Errorf("a feature that is %v: %v", bad, err)
		}
	}
	huge := []float32{3e38, 3e38, 3e38, 3e38, 3e38, 3e38}
	probs := make([]float64, 2)
	if err := h.Predict(huge, probs); err == nil && !near(probs[0]+probs[1], 1, 1e-9) {
		t.Errorf("huge features: probabilities %v without an error", probs)
	}
	if err := h.Predict(make([]float32, 6), make([]float64, 3)); err == nil {
		t.Error("room for 3 of 2 probabilities was accepted")
	}
	if _, err := Load(db, "nix"); !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "train it first") {
		t.Errorf("loading a head that is not there: %v", err)
	}
}

func TestDamagedHeadsAreRefused(t *testing.T) {
	db := filled(t, storetest.Clusters{Labels: 2, Images: 30, Dim: 6, Spread: 1})
	good, err := mustFit(t, db, quick(5)).record("h")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		damage func(r *store.Head)
		want   error
	}{
		{"cut", func(r *store.Head) { r.Params = r.Params[:len(r.Params)-3] }, ErrHeadCorrupt},
		{"empty", func(r *store.Head) { r.Params = nil }, ErrHeadCorrupt},
		{"another kind's", func(r *store.Head) { r.Params = []byte{0x80} }, ErrHeadCorrupt},
		{"kind", func(r *store.Head) { r.Kind = "magic" }, ErrUnknownKind},
		{"labels", func(r *store.Head) { r.Labels = r.Labels[:1] }, ErrHeadCorrupt},
		{"no labels", func(r *store.Head) { r.Labels = nil }, ErrHeadCorrupt},
		{"dim", func(r *store.Head) { r.Dim = 7 }, ErrHeadCorrupt},
		{"settings", func(r *store.Head) { r.Config = "{" }, ErrHeadCorrupt},
	} {
		r := good
		c.damage(&r)
		if _, err := FromRecord(r); !errors.Is(err, c.want) || !strings.Contains(err.Error(), "head h") {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// TestLengthsAreNotBelieved decodes parameters that announce 277 MB and end.
func TestLengthsAreNotBelieved(t *testing.T) {
	db := filled(t, storetest.Clusters{Labels: 2, Images: 30, Dim: 6, Spread: 1})
	r, err := mustFit(t, db, quick(5)).record("h")
	if err != nil {
		t.Fatal(err)
	}
	for _, params := range []string{
		"\x81\xa5shift\xdb\x10\x86\xb0\xba\xd3\x1f",
		"\x81\xa5shift\xc6\x10\x86\xb0\xba\xd3\x1f",
		"\x81\xa7scaling\x81\xa6blocks\xdd\x10\x86\xb0\xba\x06",
		"\xdf\x10\x86\xb0\xba\xa5shift",
	} {
		r.Params = []byte(params)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := FromRecord(r)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrHeadCorrupt) {
			t.Errorf("%q: %v", params, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
			t.Errorf("%q: %d bytes of memory for an error", params, n)
		}
	}
}

// Whatever bytes a record holds, decoding ends in an error or in a head that predicts,
// unless its numbers are so large that the scores overflow.
func FuzzHeadParams(f *testing.F) {
	db := filled(f, storetest.Clusters{Labels: 2, Images: 30, Dim: 6, Spread: 1})
	var base store.Head
	for _, kind := range Kinds {
		cfg := config(kind)
		cfg.Steps, cfg.Strength, cfg.Prior, cfg.RejectRate = 5, 1, PriorUniform, 0.1
		record, err := mustFit(f, db, cfg).record("h")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(record.Params, kind)
		base = record
	}
	f.Fuzz(func(t *testing.T, params []byte, kind string) {
		r := base
		r.Params, r.Kind = params, kind
		h, err := FromRecord(r)
		if err != nil {
			return
		}
		x, probs := make([]float32, 6), make([]float64, 2)
		if err := h.Predict(x, probs); err != nil && !errors.Is(err, ErrNotFinite) {
			t.Error(err)
		}
		h.Rejects(x, probs)
	})
}
