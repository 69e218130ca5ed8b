package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"featstore/extract"
	"featstore/extract/ingest"
	"featstore/store"
)

// ingestBytes bounds what the files of an ingest take on disk.
const ingestBytes = 256 << 20

// ingest measures whole runs of ingest over files, each into a new store.
func (b *bench) ingest(ctx context.Context, budget time.Duration) error {
	one, err := b.extraction(ctx)
	if err != nil {
		return err
	}
	wanted := int(budget/fewest*time.Duration(b.result.Cores)/one) + 1
	n := max(2*b.result.Cores, min(wanted, ingestBytes/b.result.PhotoBytes))
	n = min(n, b.copies())
	folder := filepath.Join(b.dir, "photos")
	if err := b.write(ctx, folder, n); err != nil {
		return err
	}
	var took []time.Duration
	for started := time.Now(); len(took) == 0 || time.Since(started) < budget; {
		d, err := b.ingestOnce(ctx, folder, n)
		if err != nil {
			return err
		}
		took = append(took, d)
	}
	b.result.IngestPerSecond, b.result.IngestPhotos = float64(n)/median(took).Seconds(), n
	return nil
}

// extraction returns about how long one photo takes on one core, and warms up.
func (b *bench) extraction(ctx context.Context) (time.Duration, error) {
	x, err := b.Network.NewExtractor()
	if err != nil {
		return 0, err
	}
	out := make([]float32, b.result.Dim)
	return b.eachPhoto(ctx, 0, func(p photoFile) (time.Duration, error) {
		return timed(func() error { return x.ExtractBytes(ctx, p.data, out) })
	})
}

func (b *bench) ingestOnce(ctx context.Context, folder string, n int) (time.Duration, error) {
	path := filepath.Join(b.dir, "ingest.db")
	db, err := store.Open(path, store.Options{Create: true})
	if err != nil {
		return 0, err
	}
	var r ingest.Report
	took, err := timed(func() (err error) {
		r, err = ingest.Run(ctx, db, []*extract.Network{b.Network}, folder, ingest.Options{})
		return err
	})
	if closed := db.Close(); err == nil {
		err = closed
	}
	if removed := os.Remove(path); err == nil {
		err = removed
	}
	if err == nil && r.Computed != n {
		err = fmt.Errorf("%d of %d photos were computed", r.Computed, n)
	}
	return took, err
}
