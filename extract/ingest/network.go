package ingest

import (
	"context"
	"errors"
	"os"

	"featstore/extract"
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
}

// headerBytes are enough to tell a photo from other files.
const headerBytes = 512

// startsLikePhoto reports whether a file's first bytes are those of a photo, of
// whatever kind and however damaged further on.
func startsLikePhoto(h *os.File) bool {
	var head [headerBytes]byte
	n, _ := h.ReadAt(head[:], 0)
	_, _, _, err := extract.DecodeConfig(head[:n])
	return !errors.Is(err, extract.ErrUnsupportedFormat)
}
