package ingest

import (
	"context"
	"errors"
	"os"

	"featstore/extract"
	"featstore/extract/photo"
	"featstore/store"
)

// A network is what ingest needs of an extract.Network.
type network struct {
	model store.Model // its record, which names it
	open  func() (extractor, error)
}

// An extractor computes bottlenecks, one goroutine at a time.
type extractor interface {
	ExtractBytes(ctx context.Context, data []byte, dst []float32) error
	ExtractViews(ctx context.Context, data []byte, views []photo.View, dst [][]float32) error
	Warning() string // about the last photo's file, which could be read all the same
}

// headerBytes are enough to tell a photo from other files.
const headerBytes = 512

// startsLikePhoto reports whether a file's first bytes are those of a photo, of
// whatever kind and however damaged further on.
func startsLikePhoto(h *os.File) bool {
	var head [headerBytes]byte
	n, _ := h.ReadAt(head[:], 0)
	_, _, _, err := photo.DecodeConfig(head[:n])
	return !errors.Is(err, photo.ErrUnsupportedFormat)
}

// Run ingests the folder root into db with the networks, and returns what it
// found and did; also when it returns an error, which is ctx's when it was
// interrupted. Photos that cannot be used are no error: see Report.Failures.
func Run(ctx context.Context, db *store.DB, networks []*extract.Network, root string, opt Options) (Report, error) {
	adapted := make([]network, len(networks))
	for i, n := range networks {
		adapted[i] = network{
			model: Model(n),
			open:  func() (extractor, error) { return n.NewExtractor() },
		}
	}
	return ingest(ctx, db, adapted, root, opt)
}

// Model returns the record by which a store knows a network.
func Model(n *extract.Network) store.Model {
	i := n.Info()
	return store.Model{
		ID: i.ID, Name: i.Name, FileSHA256: i.FileSHA256, WeightsSHA256: i.WeightsSHA256, Tap: i.Tap, Pool: i.Pool, Layout: i.Layout,
		Dim: i.Dim, Preprocess: i.Preprocess.CanonicalString(), Engine: i.Engine, Path: n.Origin().Path, Precision: i.Precision,
	}
}
