package extract

import (
	"errors"
	"fmt"
	"io/fs"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/modelfile"
	"featstore/extract/photo"
	"featstore/extract/userfile"
)

// Layouts: the order of the axes of a network's input. Photos always arrive channels
// last; the engine takes them to either.
const (
	LayoutNCHW = modelfile.LayoutNCHW // batch, channels, height, width: PyTorch, Caffe
	LayoutNHWC = modelfile.LayoutNHWC // batch, height, width, channels: TensorFlow
)

// ErrModel: a network cannot be used. The error that wraps it says which part of it is
// why.
var ErrModel = modelfile.ErrModel

// A FormatError says that a network is kept in another format than ONNX, and how it is
// converted.
type FormatError = modelfile.FormatError

type (
	// A Manifest says how a network is used, as far as that is known: a file beside the
	// model, flags, or the model's metadata give one each. Every field may be missing.
	// Over lays one on another; Set and SetAll set fields from text, see Keys; Encode
	// writes the file that ParseManifest reads.
	Manifest = modelfile.Manifest

	// Weights are a file beside a model that holds weights of it.
	Weights = modelfile.Weights

	// A PreprocessError: no source says how photos are prepared for a network, or only
	// in part. Advice names presets to choose from.
	PreprocessError = modelfile.PreprocessError

	// A SizeError: a model takes photos of any size and no source says one.
	SizeError = modelfile.SizeError

	// A Suggestion is a preset that would suit a network, and why.
	Suggestion = modelfile.Suggestion
)

// ParseManifest reads a manifest. Fields that it does not know are errors: a misspelt
// one would be ignored.
func ParseManifest(data []byte) (Manifest, error) { return modelfile.ParseManifest(data) }

// Keys lists the settings that Manifest.Set knows.
func Keys() []photo.Key { return modelfile.Keys() }

// A ModelFile is an ONNX model that was read from disk with the files beside it: weights
// in files of their own, a manifest. Network and Inspect decide how it is used.
type ModelFile struct {
	file     *modelfile.File
	embedded bool
	arena    int64                           // most bytes of activations
	again    func() (*modelfile.File, error) // reads it again
}

// OpenModel reads an ONNX model. Errors that are the file's fault wrap ErrModel, or
// are those of package fs.
func OpenModel(path string) (*ModelFile, error) { return ModelLimits{}.OpenModel(path) }

// OpenModel is the function OpenModel within these limits.
func (l ModelLimits) OpenModel(path string) (*ModelFile, error) {
	l = l.withDefaults()
	read := func() (*modelfile.File, error) {
		f, err := modelfile.Open(path, l.scan())
		if err != nil {
			return nil, fmt.Errorf("network %s: %w", path, userfile.WithoutPath(err))
		}
		return f, nil
	}
	f, err := read()
	if err != nil {
		return nil, err
	}
	return &ModelFile{f, false, l.Arena, read}, nil
}

// DefaultModel returns the embedded network as a model file, to use it with another tap
// or preparation than Default does. Its path is empty.
func DefaultModel() (*ModelFile, error) { return ModelLimits{}.DefaultModel() }

// DefaultModel is the function DefaultModel within these limits.
func (l ModelLimits) DefaultModel() (*ModelFile, error) {
	l = l.withDefaults()
	read := func() (*modelfile.File, error) { return modelfile.Embedded(l.scan()) }
	f, err := read()
	if err != nil {
		return nil, fmt.Errorf("embedded network: %w", err)
	}
	return &ModelFile{f, true, l.Arena, read}, nil
}

// ReadModel is OpenModel for the bytes of a model without files beside it.
func (l ModelLimits) ReadModel(data []byte) (*ModelFile, error) {
	m, err := readMemory(data, nil, l.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	return m, nil
}

// readMemory reads a model with weights in dir, without sidecars.
func readMemory(data []byte, dir fs.FS, l ModelLimits) (*ModelFile, error) {
	read := func() (*modelfile.File, error) { return modelfile.Read(data, dir, l.scan()) }
	f, err := read()
	return &ModelFile{f, false, l.Arena, read}, err
}

// SHA256 returns the digest of the model's file, in hexadecimal.
func (m *ModelFile) SHA256() string { return m.file.SHA256 }

// Network makes a network of the model, used as requested. What the request leaves open
// is taken from the model's manifest, metadata and the list of known networks. Errors
// wrap ErrModel; a *PreprocessError among them means that the preparation of photos has
// to be given. Do not keep the ModelFile: the network keeps what it needs.
func (m *ModelFile) Network(request Manifest) (*Network, error) {
	n, err := m.network(request)
	if err != nil {
		if !errors.Is(err, ErrModel) {
			err = fmt.Errorf("%w: %w", ErrModel, err)
		}
		name := "network " + m.file.Path
		if m.file.Path == "" {
			name = "embedded network"
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return n, nil
}

func (m *ModelFile) network(request Manifest) (*Network, error) {
	d, err := m.file.Decide(request)
	if err != nil {
		return nil, err
	}
	if err := d.Prepare(); err != nil {
		return nil, err
	}
	return m.decided(d)
}

// decided makes and compiles the network that was decided on.
func (m *ModelFile) decided(d *modelfile.Decision) (*Network, error) {
	input := d.Input
	n := &Network{info: m.info(d), arena: m.arena, shape: input.Shape(d.Preprocess.Width, d.Preprocess.Height)}
	n.origin = Origin{Path: m.file.Path, From: d.From, SizeFrom: d.SizeFrom, TapWhy: d.TapWhy, Layout: input.Layout}
	n.graph = m.graphOnce(d)
	if err := m.setPrecision(n, d); err != nil {
		return nil, err
	}
	n.info.Dim = d.Dim // to be checked
	p, err := n.compiled()
	if err != nil {
		return nil, err
	}
	n.info.Dim = p.Dim()
	n.info.ID = n.info.id()
	return n, nil
}

// graphOnce returns the graph that was decided on, the first time. Then its weights are the
// program's alone, and the file is read again.
func (m *ModelFile) graphOnce(d *modelfile.Decision) func() (*graph.Graph, error) {
	input, g := d.Input, d.Graph
	sum, weights := m.file.SHA256, modelfile.WeightsDigest(m.file.Weights)
	request := Manifest{Tap: d.Tap, Pool: d.Pool, Layout: input.Layout}
	again := m.again
	return func() (*graph.Graph, error) {
		if first := g; first != nil {
			g = nil
			return input.Feed(first), nil
		}
		f, err := again()
		if err != nil {
			return nil, err
		}
		if f.SHA256 != sum || modelfile.WeightsDigest(f.Weights) != weights {
			return nil, fmt.Errorf("%w: its file has changed since it was opened", ErrModel)
		}
		same, err := f.Decide(request)
		if err != nil {
			return nil, err
		}
		return same.Input.Feed(same.Graph), nil
	}
}

func (m *ModelFile) info(d *modelfile.Decision) Info {
	i := Info{Name: d.Name, FileSHA256: m.file.SHA256, WeightsSHA256: modelfile.WeightsDigest(m.file.Weights), Tap: d.Tap, Pool: d.Pool,
		Preprocess: d.Preprocess, Engine: EngineRevision}
	if d.Input.Requested {
		i.Layout = d.Input.Layout
	}
	return i
}

// OpenNetwork reads an ONNX model and makes its network: OpenModel and Network.
func OpenNetwork(path string, request Manifest) (*Network, error) {
	m, err := OpenModel(path)
	if err != nil {
		return nil, err
	}
	return m.Network(request)
}
