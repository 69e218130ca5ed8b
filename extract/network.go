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
	"featstore/extract/internal/onnx"
)

// EngineRevision is part of every model's id. It rises whenever vectors of the
// same photo by the same network come out differently by more than rounding:
// vectors from before then count as those of another model.
const EngineRevision = 1

// ErrModel: a network cannot be used. The error that wraps it says which part of
// it is why.
var ErrModel = errors.New("unusable network")

// NetworkOptions say what is to be done with a network.
type NetworkOptions struct {
	Name       string     // for people
	Preprocess Preprocess // how photos are prepared for it: nobody can guess that
	Tap        string     // tensor to take as the bottleneck; "" for the classifier's input
	Pool       string     // for a tap that is a feature map: "avg" (or ""), "max" or "none"
	External   fs.FS      // folder of weights kept in files beside the model; may be nil
	Limits     Limits     // for photos
}

// Info describes a network. Two networks with the same ID give the same vectors.
type Info struct {
	ID         string // 16 hexadecimal digits, from all that decides the vectors
	Name       string
	FileSHA256 string
	Tap        string
	Pool       string // "avg", "max" or "none"
	Dim        int    // floats in a vector
	Preprocess Preprocess
	Engine     int // EngineRevision
}

// id is the start of a SHA-256 over everything that decides what a vector is.
// Names cannot hold line breaks that would blur the fields: they are quoted.
func (i *Info) id() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "featstore model\n%s\n%q\n%q\n%s\n%d\n", i.FileSHA256, i.Tap, i.Pool, i.Preprocess.CanonicalString(), i.Engine))
	return hex.EncodeToString(sum[:8])
}

// A Network is a trained network up to its bottleneck, with the preparation of
// photos that belongs to it. It is immutable and shared by all extractors.
type Network struct {
	info   Info
	limits Limits
	graph  func() (*graph.Graph, error)

	once    sync.Once
	program *engine.Program
	err     error
}

// Load reads an ONNX model. The network keeps using data, which must not change.
func Load(data []byte, opt NetworkOptions) (*Network, error) {
	if err := opt.Preprocess.Validate(); err != nil {
		return nil, err
	}
	g, err := onnx.Parse(data, onnx.Options{External: opt.External})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	if opt.Tap == "" {
		if opt.Tap, _, err = engine.FindTap(g); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrModel, err)
		}
	}
	sum := sha256.Sum256(data)
	n := &Network{
		info: Info{
			Name: opt.Name, FileSHA256: hex.EncodeToString(sum[:]), Tap: opt.Tap, Pool: poolName(opt.Pool),
			Preprocess: opt.Preprocess, Engine: EngineRevision,
		},
		limits: opt.Limits,
		graph:  func() (*graph.Graph, error) { return g, nil },
	}
	p, err := n.compiled()
	if err != nil {
		return nil, err
	}
	n.info.Dim = p.Dim()
	n.info.ID = n.info.id()
	return n, nil
}

func poolName(pool string) string {
	if pool == "" {
		return "avg"
	}
	return pool
}

// Info returns what is known of the network.
func (n *Network) Info() Info { return n.info }

// compiled returns the network ready to run. It is made when it is first asked
// for: a run that finds nothing to compute should not wait for it.
func (n *Network) compiled() (*engine.Program, error) {
	n.once.Do(func() {
		n.program, n.err = n.compile()
		n.graph = nil
		if n.err != nil {
			n.err = fmt.Errorf("%w: %w", ErrModel, n.err)
		}
	})
	return n.program, n.err
}

func (n *Network) compile() (*engine.Program, error) {
	g, err := n.graph()
	if err != nil {
		return nil, err
	}
	shape, err := inputShape(g, n.info.Preprocess.Width, n.info.Preprocess.Height)
	if err != nil {
		return nil, err
	}
	p, err := engine.Compile(g, engine.Options{Input: shape, Tap: n.info.Tap, Pool: n.info.Pool})
	if err != nil {
		return nil, err
	}
	if n.info.Dim != 0 && p.Dim() != n.info.Dim {
		return nil, fmt.Errorf("tap %q gives %d numbers, the manifest says %d", n.info.Tap, p.Dim(), n.info.Dim)
	}
	return p, nil
}

// inputShape returns the shape of one RGB photo in the layout that the model's
// input declares.
func inputShape(g *graph.Graph, width, height int) ([]int, error) {
	if len(g.Inputs) != 1 {
		return nil, fmt.Errorf("the network has %d inputs, not one for a photo", len(g.Inputs))
	}
	in := g.Inputs[0]
	if len(in.Dims) != 4 {
		return nil, fmt.Errorf("input %q has %d dimensions, not the 4 of a batch of photos", in.Name, len(in.Dims))
	}
	channels := func(i int) bool { return in.Dims[i].Known() && in.Dims[i].Size == 3 }
	switch {
	case channels(1):
		return []int{1, 3, height, width}, nil
	case channels(3):
		return []int{1, height, width, 3}, nil
	}
	return nil, fmt.Errorf("input %q takes no colour photos: neither its second nor its last dimension is 3", in.Name)
}
