package extract

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/modelfile"
	"featstore/extract/internal/onnx"
	"featstore/extract/internal/passes"
	"featstore/extract/internal/quantize"
	"featstore/extract/photo"
)

// ErrQuantized: a network computes with 8-bit numbers already.
var ErrQuantized = fmt.Errorf("%w: it computes with 8-bit numbers: take the network that it was made from", ErrModel)

// ErrNothingQuantized: no layer of a network can be computed with 8-bit numbers without
// too much of it being lost.
var ErrNothingQuantized = quantize.ErrNothing

// DefaultDecibels is the signal to noise ratio below which a layer stays in float.
const DefaultDecibels = quantize.DefaultDecibels

// QuantizeOptions say how a network is quantized.
type QuantizeOptions struct {
	Decibels float64                 // least signal to noise ratio of a layer; 0 for DefaultDecibels
	Workers  int                     // photos at the same time, at least 1; the result does not depend on it
	Progress func(done, total int64) // may be nil; called from several goroutines, one at a time
}

// A Quantized is a network that computes with 8-bit numbers.
type Quantized struct {
	Model  []byte // an ONNX file with QuantizeLinear and DequantizeLinear
	Layers []QuantizedLayer
}

// A QuantizedLayer says what was done with a convolution or fully connected layer, and
// what is lost. Losses are ratios of signal to noise in decibels: 20 is an error of a
// tenth of the values. 99 stands for no error that can be told.
type QuantizedLayer struct {
	Name      string  `json:"name"`
	Operation string  `json:"operation"`
	Output    string  `json:"output"`           // the tensor that is rounded
	Float     bool    `json:"float"`            // it stays in float
	Range     string  `json:"range,omitempty"`  // how the range of its output was chosen
	Low       float64 `json:"low"`              // the range
	High      float64 `json:"high"`             //
	Equalised bool    `json:"equalised"`        // its output's channels were scaled to be alike
	Weights   float64 `json:"weights_decibels"` // its result with rounded weights alone
	Rounding  float64 `json:"output_decibels"`  // rounding its output alone; 0 where that is not rounded
	Total     float64 `json:"total_decibels"`   // its output, with all that went wrong before it; 0 for a layer in float
}

// Quantize returns the network, up to its bottleneck, with 8-bit numbers where these lose
// little, see package quantize. What they may be is measured on photos, given as the bytes
// of their files. How photos are prepared, the tap and the pooling stand in the model's
// metadata, so it can be opened without flags.
//
// The same network and photos give the same model. Errors wrap ErrModel, or are those of
// read, which several goroutines call, or the photos' own.
func (n *Network) Quantize(ctx context.Context, photos int, read func(ctx context.Context, i int) ([]byte, error), opt QuantizeOptions) (*Quantized, error) {
	g, shapes, err := n.quantizable()
	if err != nil {
		return nil, err
	}
	sample, err := n.sample(photos, read)
	if err != nil {
		return nil, err
	}
	r, err := quantize.Quantize(ctx, g, shapes, sample, quantize.Options{Options: n.engineOptions(), Decibels: cmp.Or(opt.Decibels, DefaultDecibels),
		Workers: opt.Workers, Progress: opt.Progress})
	if err != nil {
		return nil, err
	}
	i := n.info
	r.Graph.Metadata = modelfile.WithManifest(g.Metadata, Manifest{Name: i.Name + "-int8", Tap: i.Tap, Pool: i.Pool, Layout: i.Layout, Preprocess: photo.SettingsOf(i.Preprocess)})
	r.Graph.Inputs = openDims(r.Graph.Inputs)
	q := &Quantized{}
	for _, l := range r.Layers {
		lo, hi := l.Params.Bounds()
		q.Layers = append(q.Layers, QuantizedLayer{l.Name, l.Operation, l.Output, l.Float, l.Range, lo, hi, l.Equalised, l.Weights, l.Rounding, l.Total})
	}
	q.Model, err = onnx.Marshal(r.Graph)
	return q, err
}

// sample prepares photos to measure on.
func (n *Network) sample(photos int, read func(ctx context.Context, i int) ([]byte, error)) (quantize.Sample, error) {
	if _, err := n.compiled(); err != nil { // sets the limits of photos
		return quantize.Sample{}, err
	}
	p := n.info.Preprocess
	return quantize.Sample{Images: photos, Pixels: func(ctx context.Context, i int, dst []float32) error {
		data, err := read(ctx, i)
		if err != nil {
			return err
		}
		var scratch photo.Scratch
		_, err = p.Prepare(ctx, dst, data, n.limits, &scratch)
		return err
	}}, nil
}

// openDims names dimensions of size 0, which some exporters write for an open one and
// other engines take at their word.
func openDims(inputs []graph.Input) []graph.Input {
	var open []graph.Input
	for _, in := range inputs {
		in.Dims = slices.Clone(in.Dims)
		for i, d := range in.Dims {
			if !d.Known() && d.Symbol == "" {
				in.Dims[i].Symbol = "?"
			}
		}
		open = append(open, in)
	}
	return open
}

// CheckFloat returns ErrQuantized for a network that computes with 8-bit numbers, up to
// its bottleneck.
func (n *Network) CheckFloat() error {
	g, err := n.graph()
	if err != nil {
		return err
	}
	if g, err = passes.Prune(g, n.info.Tap); err != nil {
		return err
	}
	if n.ranges != nil || precisionOf(g) == Precision8Bit {
		return ErrQuantized
	}
	return nil
}
