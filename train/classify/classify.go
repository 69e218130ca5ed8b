package classify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	"featstore/extract"
	"featstore/extract/photo"
	"featstore/train"
)

// ErrClosed: a Classifier was used after Close.
var ErrClosed = errors.New("the classifier is closed")

// Options say how a Classifier works. The zero value is ready.
type Options struct {
	Parallel int                 // photos looked at at the same time; 0 for one a processor
	Limits   extract.ModelLimits // of networks that are read
	Photos   photo.Limits        // of photos; by default they share a photo.Memory of the default size
}

// A Classifier tells what is on photos. Its methods can be called from several goroutines.
type Classifier struct {
	head     *train.Head
	networks []*extract.Network
	free     chan []*extract.Extractor // an entry for each photo that may be looked at now; nil until it is first needed
	closed   chan struct{}
}

// A Result is what a Classifier says of a photo.
type Result struct {
	Label         string    // the most probable
	Probability   float64   // its own
	Probabilities []float64 // of all labels, in the order of Labels
	Rejected      bool      // it is none of the labels, as far as the head can tell
	Similarity    *float64  // see train.Head.Similarity; nil where the head cannot tell
	Warning       string    // in what way the photo's file is damaged although it could be read, or ""
}

// New joins a head with its networks, in the order of head.Models.
func New(head *train.Head, networks []*extract.Network, opt Options) (*Classifier, error) {
	dim := 0
	for _, n := range networks {
		dim += n.Info().Dim
	}
	if len(networks) != len(head.Models) || dim != head.Dim {
		return nil, fmt.Errorf("%w: %d networks with %d features, it takes %d with %d", train.ErrWrongModels, len(networks), dim, len(head.Models), head.Dim)
	}
	if opt.Photos.Memory == nil {
		opt.Photos.Memory = photo.NewMemory(photo.DefaultMemory)
	}
	for _, n := range networks {
		n.LimitPhotos(opt.Photos)
	}
	if opt.Parallel < 1 {
		opt.Parallel = runtime.GOMAXPROCS(0)
	}
	c := &Classifier{head: head, networks: networks, free: make(chan []*extract.Extractor, opt.Parallel), closed: make(chan struct{})}
	for range opt.Parallel {
		c.free <- nil
	}
	return c, nil
}

// Head returns the head.
func (c *Classifier) Head() *train.Head { return c.head }

// Networks returns the networks whose features the head takes, in its order.
func (c *Classifier) Networks() []*extract.Network { return slices.Clone(c.networks) }

// Labels returns what a photo can be told to be, sorted.
func (c *Classifier) Labels() []string { return slices.Clone(c.head.Labels) }

// Close waits for photos that are being looked at, and lets go of all memory. Later calls
// fail with ErrClosed.
func (c *Classifier) Close() error {
	select {
	case <-c.closed:
		return ErrClosed
	default:
		close(c.closed)
	}
	for range cap(c.free) {
		<-c.free
	}
	c.networks = nil
	return nil
}

// Classify reads a photo to its end and tells what is on it. What is wrong with the photo is
// an error of package photo, or of r. While as many photos as Options.Parallel are looked at,
// it waits for one of them, or for the end of ctx.
func (c *Classifier) Classify(ctx context.Context, r io.Reader) (*Result, error) {
	data, err := io.ReadAll(io.LimitReader(r, photo.MaxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read photo: %w", err)
	}
	if len(data) > photo.MaxFileBytes {
		return nil, fmt.Errorf("read photo: %w: more than %d bytes", photo.ErrTooLarge, photo.MaxFileBytes)
	}
	return c.ClassifyBytes(ctx, data)
}

// ClassifyBytes is Classify for the bytes of a photo's file.
func (c *Classifier) ClassifyBytes(ctx context.Context, data []byte) (*Result, error) {
	extractors, err := c.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { c.free <- extractors }()
	if extractors == nil {
		if extractors, err = c.extractors(); err != nil {
			return nil, err
		}
	}
	features := make([]float32, c.head.Dim)
	warning, at := "", 0
	for i, x := range extractors {
		end := at + c.networks[i].Info().Dim
		if err := x.ExtractBytes(ctx, data, features[at:end]); err != nil {
			return nil, err
		}
		warning, at = x.Warning(), end
	}
	res, err := c.ClassifyFeatures(features)
	if err == nil {
		res.Warning = warning
	}
	return res, err
}

// ClassifyFeatures tells what is on a photo from its bottlenecks, those of all networks one
// after the other.
func (c *Classifier) ClassifyFeatures(features []float32) (*Result, error) {
	res := &Result{Probabilities: make([]float64, len(c.head.Labels))}
	if err := c.head.Predict(features, res.Probabilities); err != nil {
		return nil, err
	}
	best := 0
	for i, p := range res.Probabilities {
		if p > res.Probabilities[best] {
			best = i
		}
	}
	res.Label, res.Probability = c.head.Labels[best], res.Probabilities[best]
	res.Rejected = c.head.Rejects(features, res.Probabilities)
	if s, ok := c.head.Similarity(features); ok {
		res.Similarity = &s
	}
	return res, nil
}

// acquire waits for a set of extractors, which may have to be made.
func (c *Classifier) acquire(ctx context.Context) ([]*extract.Extractor, error) {
	select {
	case <-c.closed:
		return nil, ErrClosed
	default:
	}
	select {
	case <-c.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	case x := <-c.free:
		return x, nil
	}
}

func (c *Classifier) extractors() ([]*extract.Extractor, error) {
	var all []*extract.Extractor
	for _, n := range c.networks {
		x, err := n.NewExtractor()
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}
