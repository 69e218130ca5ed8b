package modelfile

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

// A Decision is how a model is used, and why. After an error of Decide or Prepare it
// holds what could be decided.
type Decision struct {
	Name   string // for people
	Tap    string // tensor taken as the bottleneck
	TapWhy string // why it is taken, in words
	Pool   string // "avg", "max" or "none"
	Dim    int    // floats of a bottleneck as a manifest says, to be checked; 0 if none does

	Precision string // that a source asks for, to be checked; "" if none does

	Candidates []string     // tensors that could be taken, the last of the network first
	Graph      *graph.Graph // up to the tap; nil if there is no tap
	Input      Input        // its Layout is "" if there is no tap, or no input for photos

	// Prepare decides these.
	Preprocess photo.Preprocess // how photos are prepared
	From       string           // where the preparation comes from, in words
	SizeFrom   string           // where the size comes from, in words

	file    *File
	sources []source // the request first
	merged  Manifest
}

// Decide settles everything but the preparation of photos: the tap and the input. What
// the request does not say, the file's own sources do.
func (f *File) Decide(request Manifest) (*Decision, error) {
	request.From = cmp.Or(request.From, "as asked for")
	d := &Decision{file: f, sources: append([]source{{request.From, request}}, f.sources...)}
	for _, s := range slices.Backward(d.sources) {
		d.merged = s.Over(d.merged)
	}
	d.Name, d.Pool, d.Dim, d.Precision = d.merged.Name, PoolName(d.merged.Pool), d.merged.Dim, d.merged.Precision
	if d.Name == "" {
		d.Name = strings.TrimSuffix(filepath.Base(f.Path), filepath.Ext(f.Path))
	}
	if err := d.chooseTap(); err != nil {
		return d, err
	}
	var err error
	if d.Graph, err = passes.Prune(f.Graph, d.Tap); err != nil {
		return d, fmt.Errorf("%w; likely ones are %s", err, quoted(d.Candidates))
	}
	input, err := findInput(d.Graph, d.merged.Layout)
	if err != nil {
		input.Layout = ""
	}
	d.Input = input
	return d, err
}

func quoted(names []string) string {
	var q []string
	for _, n := range names[:min(len(names), 5)] {
		q = append(q, strconv.Quote(n))
	}
	return strings.Join(q, ", ")
}

func (d *Decision) chooseTap() error {
	found, candidates, err := passes.FindTap(d.file.Graph)
	d.Candidates = candidates
	if d.Tap = d.merged.Tap; d.Tap == "" {
		if err != nil {
			return err
		}
		d.Tap = found
	}
	for _, src := range d.sources {
		if src.Tap == d.Tap {
			d.TapWhy = src.from
			return nil
		}
	}
	d.TapWhy = `it is called "bottleneck"`
	if d.Tap != passes.Bottleneck {
		d.TapWhy = tapReason(d.file.Graph, d.Tap)
	}
	return nil
}

// tapReason says why a tensor was chosen that no source names.
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

// Prepare settles how photos are prepared. The error is a *PreprocessError if no source
// says it, a *SizeError if only the size is missing. Call it after Decide has succeeded.
func (d *Decision) Prepare() error {
	width, height, err := d.Size()
	var open *SizeError
	if errors.As(err, &open) && !slices.ContainsFunc(d.sources, func(src source) bool { return src.Preprocess.SaysHow() }) {
		return &PreprocessError{Likely: d.Suggest()} // a preset may bring a size
	}
	if err != nil {
		return err
	}
	s := photo.Settings{}
	var from []string
	var missing []string
	for _, src := range d.sources {
		if !src.Preprocess.SaysHow() {
			continue
		}
		more := s.Over(src.Preprocess)
		if !reflect.DeepEqual(more, s) {
			from = append(from, src.credit())
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
	return &PreprocessError{Missing: missing, Likely: d.Suggest()}
}

// credit names a source, with the preset that it gives.
func (s *source) credit() string {
	if s.Preprocess.Preset != "" {
		return "preset " + s.Preprocess.Preset + ", " + s.from
	}
	return s.from
}

// suits refuses a preparation whose values do not fit the input's type.
func (d *Decision) suits() error {
	p := &d.Preprocess
	if isFloat(d.Input.DType) {
		return nil
	}
	for i := range 3 {
		if p.Std[i] != 1 || p.Mean[i] != float32(int(p.Mean[i])) {
			return fmt.Errorf("input %q takes whole numbers (%v), not %s: choose preset raw, with mean=128 for int8", d.Input.Name,
				d.Input.DType, p.Normalisation())
		}
	}
	return nil
}

// Size decides the input's size and notes where it comes from in SizeFrom: what the model
// prescribes, or else what the first source says that says anything, or else what is usual
// with the preset.
func (d *Decision) Size() (width, height int, err error) {
	fw, fh := d.Input.Fixed()
	for _, src := range d.sources {
		w, h := src.Preprocess.Width, src.Preprocess.Height
		if w == 0 {
			continue
		}
		if fw != 0 && w != fw || fh != 0 && h != fh {
			return 0, 0, fmt.Errorf("size %d×%d %s, but the model is made for %s: input %q takes %s",
				w, h, src.from, sizeWords(fw, fh), d.Input.Name, dimsText(d.Input.Dims))
		}
		if fw == 0 || fh == 0 {
			d.SizeFrom = src.from
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
	return 0, 0, &SizeError{Input: d.Input.Name, Takes: dimsText(d.Input.Dims)}
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
