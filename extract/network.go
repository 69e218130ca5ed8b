package extract

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"featstore/extract/internal/engine"
	"featstore/extract/internal/graph"
	"featstore/extract/internal/quantize"
	"featstore/extract/photo"
)

// EngineRevision is part of every model's id. It rises whenever the vector of the same
// photo by the same network changes by more than rounding: older vectors then count as
// those of another model.
const EngineRevision = 1

// NetworkOptions say how Load uses a network.
type NetworkOptions struct {
	Name       string           // for people
	Preprocess photo.Preprocess // how photos are prepared for it
	Tap        string           // tensor to take as the bottleneck; "" for the classifier's input
	Pool       string           // for a tap that is a feature map: "avg" (or ""), "max" or "none"
	Layout     string           // LayoutNCHW or LayoutNHWC, where the model leaves it open
	External   fs.FS            // folder of weights kept in files beside the model; may be nil
	Limits     photo.Limits     // for photos
}

// Info describes a network. Two networks with the same ID give the same vectors.
type Info struct {
	ID            string // 16 hexadecimal digits, from all that decides the vectors
	Name          string
	FileSHA256    string
	WeightsSHA256 string // of the list of files beside the model that hold weights, "" without any
	Tap           string
	Pool          string // "avg", "max" or "none"
	Layout        string // as it was requested, "" where the model shows it
	Dim           int    // floats in a vector
	Preprocess    photo.Preprocess
	Engine        int    // EngineRevision
	Precision     string // PrecisionFloat or Precision8Bit: what it computes with
	Ranges        string // digest of the ranges by which its floats become 8-bit numbers when it is read, "" where they do not
}

// An Origin says where a network comes from and why it is used as it is. It plays no
// part in the network's identity.
type Origin struct {
	Path     string // of the model's file, absolute; "" for the embedded network
	From     string // where the preparation of photos comes from
	SizeFrom string // where the size comes from
	TapWhy   string // why this tensor is the bottleneck
	Layout   string // LayoutNCHW or LayoutNHWC
}

// id is the start of a SHA-256 over everything that decides what a vector is. Names are
// quoted, so that a line break in one cannot look like the end of a field.
func (i *Info) id() string {
	b := fmt.Appendf(nil, "featstore model\n%s\n%q\n%q\n%s\n%d\n", i.FileSHA256, i.Tap, i.Pool, i.Preprocess.CanonicalString(), i.Engine)
	if i.WeightsSHA256 != "" {
		b = fmt.Appendf(b, "weights %s\n", i.WeightsSHA256)
	}
	if i.Layout != "" {
		b = fmt.Appendf(b, "layout %s\n", i.Layout)
	}
	if i.Ranges != "" {
		b = fmt.Appendf(b, "8 bits by ranges %s\n", i.Ranges)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// A Network is a trained network up to its bottleneck, with the preparation of
// photos that belongs to it. Once there are extractors it is immutable; all share it.
type Network struct {
	info   Info
	origin Origin
	limits photo.Limits
	graph  func() (*graph.Graph, error) // reads it
	shape  []int                        // of one photo, in the model's layout
	ranges *quantize.Recipe             // by which its floats become 8-bit numbers; nil where they stay
	arena  int64                        // most bytes of activations

	once    sync.Once
	program *engine.Program
	err     error
}

// Load reads an ONNX model from memory; opt says everything that is needed to use it.
// See OpenNetwork for files. The network keeps data, which must not change.
func Load(data []byte, opt NetworkOptions) (*Network, error) {
	if err := opt.Preprocess.Validate(); err != nil {
		return nil, err
	}
	m, err := readMemory(data, opt.External, DefaultModelLimits())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	n, err := m.network(Manifest{Name: opt.Name, Tap: opt.Tap, Pool: opt.Pool, Layout: opt.Layout, Preprocess: photo.SettingsOf(opt.Preprocess)})
	if err != nil && !errors.Is(err, ErrModel) {
		err = fmt.Errorf("%w: %w", ErrModel, err)
	}
	if err != nil {
		return nil, err
	}
	n.info.Name, n.limits = opt.Name, opt.Limits
	return n, nil
}

// LimitPhotos bounds what decoding a photo may cost. Without it all extractors of a
// network share a photo.Memory of the default size; networks whose extractors work at
// the same time are best given the same one. It must not be called after the first
// extractor was made.
func (n *Network) LimitPhotos(limits photo.Limits) { n.limits = limits }

// PhotoLimits returns what decoding a photo for the network may cost.
func (n *Network) PhotoLimits() photo.Limits { return n.limits }

// Info returns what is known of the network.
func (n *Network) Info() Info { return n.info }

// Origin returns where the network comes from.
func (n *Network) Origin() Origin { return n.origin }

// compiled returns the network ready to run. It is compiled on first use: a run that
// finds nothing to compute does not wait for it.
func (n *Network) compiled() (*engine.Program, error) {
	n.once.Do(func() {
		if n.limits.Memory == nil {
			n.limits.Memory = photo.NewMemory(photo.DefaultMemory)
		}
		n.program, n.err = n.compile()
		if n.err != nil {
			n.err = fmt.Errorf("%w: %w", ErrModel, n.err)
		}
	})
	return n.program, n.err
}

func (n *Network) compile() (*engine.Program, error) {
	g, err := n.computed()
	if err != nil {
		return nil, err
	}
	p, err := engine.Compile(g, n.engineOptions())
	if err != nil {
		return nil, err
	}
	if n.info.Dim != 0 && p.Dim() != n.info.Dim {
		return nil, fmt.Errorf("tap %q gives %d numbers, the manifest says %d", n.info.Tap, p.Dim(), n.info.Dim)
	}
	return p, nil
}

// engineOptions say how the network is compiled.
func (n *Network) engineOptions() engine.Options {
	return engine.Options{Input: n.shape, ChannelsLast: n.origin.Layout == LayoutNHWC, Tap: n.info.Tap, Pool: n.info.Pool, Arena: n.arena}
}
