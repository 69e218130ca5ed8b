package extract

import (
	"encoding/json"
	"fmt"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/onnx"
	"featstore/extract/models"
)

// DefaultSize is the size in pixels, for both sides, at which the embedded
// network's features are worth most for their price.
const DefaultSize = 320

// A manifest describes a model file: it lies beside it as JSON.
type manifest struct {
	Name       string     `json:"name"`
	SHA256     string     `json:"sha256"`
	Tap        string     `json:"tap"`
	Pool       string     `json:"pool"`
	Dim        int        `json:"dim"`
	Preprocess Preprocess `json:"preprocess"`
}

// Default returns the embedded network, EfficientNet-Lite0, for photos of
// size×size pixels; 0 stands for DefaultSize. The model itself is not read
// before it is needed: what Info says comes from its manifest.
func Default(size int) (*Network, error) {
	m := models.Default()
	var about manifest
	if err := json.Unmarshal(m.Manifest, &about); err != nil {
		return nil, fmt.Errorf("read manifest of the embedded network: %w", err)
	}
	if size != 0 {
		about.Preprocess.Width, about.Preprocess.Height = size, size
	}
	if err := about.Preprocess.Validate(); err != nil {
		return nil, err
	}
	if s := about.Preprocess.Width; s < minDefaultSize {
		return nil, fmt.Errorf("size %d: the embedded network needs at least %d pixels a side", s, minDefaultSize)
	}
	n := &Network{
		info: Info{
			Name: about.Name, FileSHA256: about.SHA256, Tap: about.Tap, Pool: poolName(about.Pool), Dim: about.Dim,
			Preprocess: about.Preprocess, Engine: EngineRevision,
		},
		graph: func() (*graph.Graph, error) { return onnx.Parse(m.ONNX, onnx.Options{}) },
	}
	n.info.ID = n.info.id()
	return n, nil
}

// minDefaultSize leaves the embedded network's last feature map one pixel: it
// halves its input five times.
const minDefaultSize = 32
