package extract

import (
	"errors"
	"fmt"
	"slices"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/modelfile"
	"featstore/extract/internal/passes"
	"featstore/extract/internal/quantize"
	"featstore/extract/internal/tensor"
	"featstore/extract/models"
	"featstore/extract/photo"
)

// Precisions: what numbers a network computes with.
const (
	PrecisionFloat = modelfile.PrecisionFloat // float32
	Precision8Bit  = modelfile.Precision8Bit  // 8-bit integers, where it pays
)

// ErrPrecision: a network cannot compute with the numbers asked for.
var ErrPrecision = errors.New("it cannot be had in this precision")

// embeddedRanges returns the ranges by which the embedded network becomes one of 8-bit
// numbers when it is read.
func embeddedRanges() (*quantize.Recipe, error) {
	r, err := quantize.ParseRecipe(models.Default().Ranges)
	if err != nil {
		return nil, fmt.Errorf("embedded network: %w", err)
	}
	return r, nil
}

// setPrecision decides what numbers the embedded network computes with. about is its
// manifest. 8 bits are the usual, where the ranges hold that were measured for them: for
// the network's own bottleneck and normalisation.
func (n *Network) setPrecision(asked string, about Manifest) error {
	i := &n.info
	fits := i.Tap == about.Tap && i.Pool == modelfile.PoolName(about.Pool) && normalisesAs(i.Preprocess, about.Preprocess)
	switch {
	case asked == Precision8Bit && !fits:
		return fmt.Errorf("%w: 8-bit numbers are for its own bottleneck and normalisation: take float with others", ErrPrecision)
	case asked == PrecisionFloat || !fits:
		i.Precision = PrecisionFloat
		return nil
	}
	r, err := embeddedRanges()
	if err != nil {
		return err
	}
	n.ranges, i.Precision, i.Ranges = r, Precision8Bit, r.Digest()
	return nil
}

// setPrecision decides what numbers a network computes with: the embedded one with 8-bit
// numbers unless asked otherwise, others with those of their files.
func (m *ModelFile) setPrecision(n *Network, d *modelfile.Decision) error {
	about, err := ParseManifest(models.Default().Manifest)
	if err != nil {
		return fmt.Errorf("read manifest of the embedded network: %w", err)
	}
	if own := m.file.SHA256 == about.SHA256; own && (m.embedded || d.Precision == Precision8Bit) {
		return n.setPrecision(d.Precision, about)
	}
	n.info.Precision = precisionOf(d.Graph)
	switch d.Precision {
	case "", n.info.Precision:
		return nil
	case Precision8Bit:
		return fmt.Errorf("%w: it computes with floats: models quantize makes one of 8-bit numbers of it", ErrPrecision)
	}
	return fmt.Errorf("%w: it computes with 8-bit numbers", ErrPrecision)
}

// normalisesAs reports whether pixels become numbers as the settings say.
func normalisesAs(p photo.Preprocess, s photo.Settings) bool {
	own, missing, err := s.Resolve(p.Width, p.Height)
	return err == nil && missing == nil && own.Mean == p.Mean && own.Std == p.Std && own.Order == p.Order
}

// InFloat returns the network with the floats of its file: another one where these become
// 8-bit numbers when it is read, otherwise itself.
func (n *Network) InFloat() *Network {
	if n.ranges == nil {
		return n
	}
	f := &Network{info: n.info, origin: n.origin, limits: n.limits, graph: n.graph, shape: n.shape, arena: n.arena}
	f.info.Precision, f.info.Ranges = PrecisionFloat, ""
	f.info.ID = f.info.id()
	return f
}

// computed is the graph that is compiled.
func (n *Network) computed() (*graph.Graph, error) { return n.inPrecision((*quantize.Recipe).Apply) }

// written is the graph for other programs, which want 8-bit weights as such.
func (n *Network) written() (*graph.Graph, error) { return n.inPrecision((*quantize.Recipe).Write) }

func (n *Network) inPrecision(
	quantized func(r *quantize.Recipe, g *graph.Graph, shapes map[string]*tensor.Tensor) (*graph.Graph, error),
) (*graph.Graph, error) {
	if n.ranges == nil {
		return n.graph()
	}
	g, shapes, err := n.quantizable()
	if err != nil {
		return nil, err
	}
	return quantized(n.ranges, g, shapes)
}

// quantizable returns the network of floats in the form that is quantized, with the shapes
// for one image.
func (n *Network) quantizable() (*graph.Graph, map[string]*tensor.Tensor, error) {
	g, shapes, err := n.folded()
	if err != nil {
		return nil, nil, err
	}
	if g, err = passes.Upgrade(g, shapes, passes.PerChannelOpset); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	return g, shapes, nil
}

// precisionOf is what numbers a graph computes with.
func precisionOf(g *graph.Graph) string {
	if slices.ContainsFunc(g.Nodes, quantized) {
		return Precision8Bit
	}
	return PrecisionFloat
}
