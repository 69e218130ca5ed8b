package quantize

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// A Sample is the photos that a network is quantized on.
type Sample struct {
	Images int
	// Pixels writes the prepared pixels of an image to dst. Several goroutines call it.
	Pixels func(ctx context.Context, i int, dst []float32) error
}

// over computes something of every image, on several workers, and merges it in the order
// of the images: sums of floats depend on it. start prepares a worker.
func over[T any](ctx context.Context, q *quantization, start func() func(ctx context.Context, pixels []float32) (T, error), merge func(T)) error {
	images := q.sample.Images
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	turn := make([]chan struct{}, images+1) // closed when those before are merged
	for i := range turn {
		turn[i] = make(chan struct{})
	}
	close(turn[0])
	for range min(max(q.Workers, 1), images) {
		group.Go(func() error {
			of := start()
			pixels := make([]float32, q.inputLen)
			for i := int(next.Add(1)) - 1; i < images; i = int(next.Add(1)) - 1 {
				if err := q.sample.Pixels(ctx, i, pixels); err != nil {
					return err
				}
				result, err := of(ctx, pixels)
				if err != nil {
					return err
				}
				select {
				case <-turn[i]:
				case <-ctx.Done():
					return ctx.Err()
				}
				merge(result)
				q.advance()
				close(turn[i+1])
			}
			return nil
		})
	}
	return group.Wait()
}
