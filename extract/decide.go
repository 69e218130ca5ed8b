package extract

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"featstore/extract/internal/graph"
	"featstore/extract/internal/passes"
	"featstore/extract/photo"
)

// A Decision is how a model is used, and why.
type Decision struct {
	Name       string           // for people
	Tap        string           // tensor taken as the bottleneck
	TapWhy     string           // "read by Gemm "classifier", which computes output "logits""
	Pool       string           // "avg", "max" or "none"
	Layout     string           // LayoutNCHW or LayoutNHWC
	Preprocess photo.Preprocess // how photos are prepared
	From       string           // where the preparation comes from
	SizeFrom   string           // where the size comes from
}

// A PreprocessError says that nobody has said how photos are prepared for a
// network, or only in part.
type PreprocessError struct {
	Missing []string     // names of settings that are missing beside those given; nil if none was given
	Likely  []Suggestion // presets to choose from, the likeliest first
}

func (e *PreprocessError) Error() string {
	if len(e.Missing) > 0 {
		return "how photos are prepared for it is only said in part: still to say are " + strings.Join(e.Missing, ", ")
	}
	return "it does not say how photos are prepared for it, and that cannot be seen in a network"
}

// Advice names the likely presets, and why, in one sentence.
func (e *PreprocessError) Advice() string {
	var likely []string
	for _, s := range e.Likely {
		likely = append(likely, s.Preset+" ("+s.Why+")")
	}
	if len(likely) == 0 {
		return "choose a preset: " + strings.Join(photo.PresetNames(), ", ")
	}
	return "likely " + strings.Join(likely, ", or ")
}

// A decider collects the decisions about one model.
type decider struct {
	*ModelFile
	Decision
	layers []said
	merged Manifest
	part   *graph.Graph // up to the tap
	input  imageInput

	candidates []string
	noTap      error
}

// decide settles everything but the preparation of photos: the tap and the input.
// What could be decided is there even beside an error.
func (m *ModelFile) decide(wish Manifest) (*decider, error) {
	wish.From = cmp.Or(wish.From, "as asked for")
	d := &decider{ModelFile: m, layers: append([]said{{wish.From, wish}}, m.sources...)}
	for i := len(d.layers) - 1; i >= 0; i-- {
		d.merged = d.layers[i].Over(d.merged)
	}
	d.Name, d.Pool = d.merged.Name, poolName(d.merged.Pool)
	if d.Name == "" {
		d.Name = strings.TrimSuffix(filepath.Base(m.path), filepath.Ext(m.path))
	}
	if err := d.chooseTap(); err != nil {
		return d, err
	}
	var err error
	if d.part, err = passes.Prune(m.graph, d.Tap); err != nil {
		return d, fmt.Errorf("%w; likely ones are %s", err, quoted(d.candidates))
	}
	if d.input, err = findInput(d.part, d.merged.Layout); err != nil {
		return d, err
	}
	d.Layout = d.input.layout
	return d, nil
}

func quoted(names []string) string {
	var q []string
	for _, n := range names[:min(len(names), 5)] {
		q = append(q, strconv.Quote(n))
	}
	return strings.Join(q, ", ")
}

func (d *decider) chooseTap() error {
	found, candidates, err := passes.FindTap(d.graph)
	d.candidates, d.noTap = candidates, err
	if d.Tap = d.merged.Tap; d.Tap == "" {
		if err != nil {
			return err
		}
		d.Tap = found
	}
	for _, l := range d.layers {
		if l.Tap == d.Tap {
			d.TapWhy = l.from
			return nil
		}
	}
	d.TapWhy = `it is called "bottleneck"`
	if d.Tap != passes.Bottleneck {
		d.TapWhy = tapReason(d.graph, d.Tap)
	}
	return nil
}

// tapReason says what a tensor is for that was found by itself.
func tapReason(g *graph.Graph, name string) string {
	if slices.ContainsFunc(g.Outputs, func(o graph.Output) bool { return o.Name == name }) && reader(g, name) == nil {
		return "the network ends with it: pooled features, and no class scores"
	}
	for range g.Nodes {
		n := reader(g, name)
		if n == nil {
			break
		}
		if n.Op != "Identity" && n.Op != "Dropout" && n.Op != "QuantizeLinear" && n.Op != "DequantizeLinear" && n.Op != "Cast" {
			return n.Label() + " computes the class scores from it"
		}
		name = n.Outputs[0]
	}
	return "the class scores are computed from it"
}

// prepare settles how photos are prepared.
func (d *decider) prepare() error {
	width, height, err := d.size()
	var open *SizeError
	if errors.As(err, &open) && !slices.ContainsFunc(d.layers, func(l said) bool { return l.Preprocess.SaysHow() }) {
		return &PreprocessError{Likely: d.suggest()} // a preset may bring a size
	}
	if err != nil {
		return err
	}
	s := photo.Settings{}
	var from []string
	var missing []string
	for _, l := range d.layers {
		if !l.Preprocess.SaysHow() {
			continue
		}
		more := s.Over(l.Preprocess)
		if !reflect.DeepEqual(more, s) {
			from = append(from, l.credit())
		}
		s = more
		if d.Preprocess, missing, err = s.Resolve(width, height); err != nil {
			return fmt.Errorf("%s: %w", from[len(from)-1], err)
		}
		if missing == nil {
			d.From = strings.Join(from, ", else ")
			return d.suits()
		}
	}
	return &PreprocessError{Missing: missing, Likely: d.suggest()}
}

// credit names a source, with the preset that it gives.
func (s *said) credit() string {
	if s.Preprocess.Preset != "" {
		return "preset " + s.Preprocess.Preset + ", " + s.from
	}
	return s.from
}

// suits refuses a preparation that the input's type cannot take.
func (d *decider) suits() error {
	p := &d.Preprocess
	if isFloat(d.input.dtype) {
		return nil
	}
	for i := range 3 {
		if p.Std[i] != 1 || p.Mean[i] != float32(int(p.Mean[i])) {
			return fmt.Errorf("input %q takes whole numbers (%v), not %s: choose preset raw, with mean=128 for int8", d.input.name, d.input.dtype, p.Normalisation())
		}
	}
	return nil
}

// size decides the input's size: what the model prescribes, or else what the first
// source says that says anything, or else what is usual with the preset.
func (d *decider) size() (width, height int, err error) {
	fw, fh := d.input.fixed()
	for _, l := range d.layers {
		w, h := l.Preprocess.Width, l.Preprocess.Height
		if w == 0 {
			continue
		}
		if fw != 0 && w != fw || fh != 0 && h != fh {
			return 0, 0, fmt.Errorf("size %d×%d %s, but the model is made for %s: input %q takes %s",
				w, h, l.from, sizeWords(fw, fh), d.input.name, dimsText(d.input.dims))
		}
		if fw == 0 || fh == 0 {
			d.SizeFrom = l.from
			return w, h, nil
		}
	}
	if fw != 0 && fh != 0 {
		d.SizeFrom = "fixed in the model"
		return fw, fh, nil
	}
	preset := d.merged.Preprocess.Preset
	if usual := photo.PresetSize(preset); usual != 0 && (fw == 0 || fw == usual) && (fh == 0 || fh == usual) {
		d.SizeFrom = "usual with preset " + preset
		return usual, usual, nil
	}
	return 0, 0, &SizeError{Input: d.input.name, Takes: dimsText(d.input.dims)}
}

func sizeWords(w, h int) string {
	word := func(n int) string {
		if n == 0 {
			return "any"
		}
		return fmt.Sprint(n)
	}
	return word(w) + "×" + word(h)
}

// A SizeError says that a model takes photos of any size and nobody has said one.
type SizeError struct {
	Input string // its name
	Takes string // its shape
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("input %q takes %s: say with --size how large photos are for it, as 224", e.Input, e.Takes)
}

// Network makes the network that the model is when used as wish says, and as the
// model's manifest, metadata and known networks say where wish does not.
// Its errors wrap ErrModel; a *PreprocessError among them means that the
// preparation of photos has to be given. The ModelFile should not be kept: the
// network keeps what it needs.
func (m *ModelFile) Network(wish Manifest) (*Network, error) {
	n, err := m.network(wish)
	if err != nil {
		if !errors.Is(err, ErrModel) {
			err = fmt.Errorf("%w: %w", ErrModel, err)
		}
		name := "network " + m.path
		if m.path == "" {
			name = "embedded network"
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return n, nil
}

func (m *ModelFile) network(wish Manifest) (*Network, error) {
	d, err := m.decide(wish)
	if err != nil {
		return nil, err
	}
	if err := d.prepare(); err != nil {
		return nil, err
	}
	return d.network()
}

// minHeight is below every classifier's input; the engine tells layouts apart by it.
const minHeight = 5

func (d *decider) network() (*Network, error) {
	if h := d.Preprocess.Height; d.Layout == LayoutNHWC && h < minHeight {
		return nil, fmt.Errorf("size %d×%d: photos of fewer than %d rows are not supported in layout %s", d.Preprocess.Width, h, minHeight, d.Layout)
	}
	n := &Network{info: d.info(), origin: Origin{Path: d.path, From: d.From, SizeFrom: d.SizeFrom, TapWhy: d.TapWhy, Layout: d.Layout}}
	g, input := d.part, d.input
	n.graph = func() (*graph.Graph, error) { return input.feed(g), nil }
	n.arena = d.limits.Arena
	n.shape = input.shape(d.Preprocess.Width, d.Preprocess.Height)
	n.info.Dim = d.merged.Dim // to be checked
	p, err := n.compiled()
	if err != nil {
		return nil, err
	}
	n.info.Dim = p.Dim()
	n.info.ID = n.info.id()
	return n, nil
}

func (d *decider) info() Info {
	i := Info{Name: d.Name, FileSHA256: d.sum, WeightsSHA256: weightsDigest(d.weights), Tap: d.Tap, Pool: d.Pool,
		Preprocess: d.Preprocess, Engine: EngineRevision}
	if d.input.told {
		i.Layout = d.Layout
	}
	return i
}

// OpenNetwork reads an ONNX model and makes its network: OpenModel and Network.
func OpenNetwork(path string, wish Manifest) (*Network, error) {
	m, err := OpenModel(path)
	if err != nil {
		return nil, err
	}
	return m.Network(wish)
}
