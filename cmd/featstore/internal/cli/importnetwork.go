package cli

import (
	"context"
	"errors"
	"fmt"
	"math"

	"featstore/extract"
	"featstore/store"
	"featstore/store/importer"
)

// Bounds for vectors to count as those of a network: engines differ in the last bits, and
// pixels by the decoder. Another preparation of photos gives less.
const (
	verifiedPhotos = 8
	leastCosine    = 0.99
	mostLength     = 0.05 // by which lengths may differ, relative to that of the network's vector
)

// loadNetwork opens the network that is said to have computed the vectors.
func (r *importRequest) loadNetwork(db *store.DB, src *importer.Source) (*extract.Network, error) {
	var recorded []store.Model
	err := db.View(func(tx *store.Tx) (err error) {
		recorded, err = tx.Models()
		return err
	})
	if err != nil {
		return nil, err
	}
	r.nets.models = []string{r.network}
	all, err := r.nets.load(db, recorded)
	if err != nil {
		return nil, err
	}
	if i := all[0].Info(); i.Dim != src.Dim {
		return nil, hint(fmt.Errorf("--network %s: its vectors have %s, those of %s %s", r.network, count(i.Dim, "feature"), r.path, grouped(src.Dim)),
			"without --network they are imported under a name of their own")
	}
	return all[0], nil
}

// errVerified ends reading once enough photos were compared.
var errVerified = errors.New("enough photos")

// verifyNetwork computes the vectors of some photos and compares them with the rows. Without
// photos it can only say that it did not.
func (a *app) verifyNetwork(ctx context.Context, src *importer.Source, survey *importer.Survey, network *extract.Network) (verified int, err error) {
	x, err := network.NewExtractor()
	if err != nil {
		return 0, err
	}
	own := make([]float32, src.Dim)
	next := 0
	err = src.Each(ctx, true, func(r *importer.Row) error {
		if verified == verifiedPhotos {
			return errVerified
		}
		photo, ok := survey.Photo(r)
		if !ok || r.Problem != "" || r.Number < next {
			return nil
		}
		data, err := a.readPhoto(ctx, photo)
		if err != nil {
			return ctx.Err() // it is named when it is imported
		}
		if err := x.ExtractBytes(ctx, data, own); err != nil {
			return ctx.Err()
		}
		if err := sameVector(r.Vector, own); err != nil {
			return hint(fmt.Errorf("--network: it does not compute the vector of %s: %w", r.Name(), err),
				"its file, bottleneck or preparation of photos is another one; without --network vectors are imported under a name of their own")
		}
		verified++
		next = r.Number + max(1, survey.Rows/verifiedPhotos)
		return nil
	})
	if err != nil && !errors.Is(err, errVerified) {
		return verified, err
	}
	if verified == 0 {
		a.warnAside("that the network computes these vectors was not verified: --photos DIR does")
	}
	return verified, nil
}

// sameVector compares a vector with that of the network.
func sameVector(got, want []float32) error {
	var dot, a, b float64
	for i, v := range got {
		dot += float64(v) * float64(want[i])
		a += float64(v) * float64(v)
		b += float64(want[i]) * float64(want[i])
	}
	if a == 0 || b == 0 {
		if a == b {
			return nil
		}
		return errors.New("one of the two is zero")
	}
	if cosine := dot / math.Sqrt(a*b); !(cosine >= leastCosine) {
		return fmt.Errorf("the cosine of the two is %.3f, want at least %g", cosine, leastCosine)
	}
	if ratio := math.Sqrt(a / b); math.Abs(ratio-1) > mostLength {
		return fmt.Errorf("it has the same direction, but %.3g times the length: it was scaled", ratio)
	}
	return nil
}
