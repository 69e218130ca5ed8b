package extract

import (
	"context"
	"fmt"
	"io"

	"featstore/extract/internal/engine"
	"featstore/extract/photo"
)

// An Extractor turns photos into bottlenecks. It reuses its own memory and belongs to
// one goroutine at a time: make one for each.
type Extractor struct {
	network *Network
	runner  *engine.Runner
	scratch photo.Scratch
	pixels  []float32
	warning string // of the last photo
}

// NewExtractor returns an extractor. The first call reads the network if that has not
// been done yet.
func (n *Network) NewExtractor() (*Extractor, error) { return n.NewParallelExtractor(1) }

// NewParallelExtractor returns an extractor that spreads the network's work on each
// photo over several cores, for the least time for one photo. Many photos take less time
// with one extractor for each core. The bottlenecks are the same.
func (n *Network) NewParallelExtractor(cores int) (*Extractor, error) {
	p, err := n.compiled()
	if err != nil {
		return nil, err
	}
	return &Extractor{network: n, runner: p.NewParallelRunner(cores), pixels: make([]float32, n.info.Preprocess.Len())}, nil
}

// Extract reads a photo to its end and returns its bottleneck: Info().Dim
// floats, which belong to the caller. More than photo.MaxFileBytes are not read: the
// error then wraps photo.ErrTooLarge. Other errors are those of r and of ExtractBytes.
func (x *Extractor) Extract(ctx context.Context, r io.Reader) ([]float32, error) {
	data, err := io.ReadAll(io.LimitReader(r, photo.MaxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read photo: %w", err)
	}
	if len(data) > photo.MaxFileBytes {
		return nil, fmt.Errorf("read photo: %w: more than %d bytes", photo.ErrTooLarge, photo.MaxFileBytes)
	}
	vec := make([]float32, x.network.info.Dim)
	return vec, x.ExtractBytes(ctx, data, vec)
}

// ExtractBytes computes the bottleneck of a photo, given as the bytes of its
// file, into dst, of length Info().Dim. The result depends on these bytes and the
// network only, not on earlier photos. Errors that are the photo's fault wrap
// photo.ErrUnsupportedFormat, photo.ErrTooLarge or photo.ErrCorrupt.
func (x *Extractor) ExtractBytes(ctx context.Context, data []byte, dst []float32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	warning, err := x.network.info.Preprocess.Prepare(ctx, x.pixels, data, x.network.limits, &x.scratch)
	x.warning = warning
	if err != nil {
		return err
	}
	return x.ExtractInput(ctx, x.pixels, dst)
}

// ExtractViews computes the bottlenecks of several views of a photo, which is decoded
// once: view i into dst[i]. See ExtractBytes, which is this for the zero View.
func (x *Extractor) ExtractViews(ctx context.Context, data []byte, views []photo.View, dst [][]float32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var err error
	x.warning, err = x.network.info.Preprocess.PrepareViews(ctx, x.pixels, data, views, x.network.limits, &x.scratch, func(i int) error {
		return x.ExtractInput(ctx, x.pixels, dst[i])
	})
	return err
}

// ExtractInput computes the bottleneck of a prepared photo: pixels
// holds Info().Preprocess.Len() values, as Preprocess.Pixels makes them.
func (x *Extractor) ExtractInput(ctx context.Context, pixels, dst []float32) error {
	return x.runner.Run(ctx, pixels, dst)
}

// Warning says in what way the last photo's file is damaged although it could be
// read, such as rows that are missing between restart markers of a JPEG, or "".
func (x *Extractor) Warning() string { return x.warning }

// Dim is the length of a bottleneck.
func (x *Extractor) Dim() int { return x.network.info.Dim }
