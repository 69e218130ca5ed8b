package extract

import (
	"fmt"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/modelfile"
	"featstore/extract/internal/onnx"
	"featstore/extract/models"
	"featstore/extract/photo"
)

// DefaultSize is the width and height in pixels at which the embedded network gives the
// best features for the time that they take.
const DefaultSize = 320

// Default returns the embedded network, EfficientNet-Lite0, for photos of
// size×size pixels; 0 stands for DefaultSize. The model itself is read when it is first
// needed: what Info says comes from its manifest. It computes with 8-bit numbers.
func Default(size int) (*Network, error) {
	return DefaultWith(photo.Settings{Width: size, Height: size}, "")
}

// DefaultWith is Default with settings laid over its preparation of photos, in a precision;
// "" is 8 bits, unless the settings are others than the ranges of these were measured for.
func DefaultWith(settings photo.Settings, precision string) (*Network, error) {
	m := models.Default()
	about, err := ParseManifest(m.Manifest)
	if err != nil {
		return nil, fmt.Errorf("read manifest of the embedded network: %w", err)
	}
	s := settings.Over(about.Preprocess)
	p, missing, err := s.Resolve(s.Width, s.Height)
	if err != nil {
		return nil, fmt.Errorf("embedded network: %w", err)
	}
	if missing != nil {
		return nil, fmt.Errorf("manifest of the embedded network: lacks %v", missing)
	}
	if s := min(p.Width, p.Height); s < minDefaultSize {
		return nil, fmt.Errorf("size %d: the embedded network needs at least %d pixels a side", s, minDefaultSize)
	}
	n := &Network{
		info: Info{
			Name: about.Name, FileSHA256: about.SHA256, Tap: about.Tap, Pool: modelfile.PoolName(about.Pool), Dim: about.Dim,
			Preprocess: p, Engine: EngineRevision,
		},
		origin: Origin{From: "the embedded network's own", SizeFrom: "the embedded network's own", Layout: LayoutNCHW},
		shape:  []int{1, 3, p.Height, p.Width},
		graph:  func() (*graph.Graph, error) { return onnx.Parse(m.ONNX, onnx.Options{}) },
	}
	if settings.HasSize() {
		n.origin.SizeFrom = "as asked for"
	}
	if err := n.setPrecision(precision, about); err != nil {
		return nil, fmt.Errorf("embedded network: %w", err)
	}
	n.info.ID = n.info.id()
	return n, nil
}

// minDefaultSize leaves the embedded network's last feature map one pixel: it
// halves its input five times.
const minDefaultSize = 32
