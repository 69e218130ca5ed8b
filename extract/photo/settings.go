package photo

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Settings say how photos are prepared for a network, as far as that is known: each
// field may be missing. Flags, a manifest and a model's own metadata each give some;
// Over lays one on another, and Resolve makes a Preprocess of the result.
//
// A preset stands for all fields but the size, JPEGReduce and Color. Fields given with it override it.
type Settings struct {
	Preset string `json:"preset,omitempty"`
	Width  int    `json:"width,omitempty"`
	Height int    `json:"height,omitempty"`

	Rule string  `json:"resize,omitempty"`
	Side int     `json:"side,omitempty"` // for RuleShorterSide: pixels that the shorter side is scaled to
	Crop float64 `json:"crop,omitempty"` // for RuleShorterSide, instead of Side: the share of it that the network sees

	Filter    string `json:"filter,omitempty"`
	Antialias *bool  `json:"antialias,omitempty"` // if missing: true wherever the filter has it

	// Mean and Std are in pixel units and in the order of the output's channels.
	// One number stands for three.
	Mean  []float32 `json:"mean,omitempty"`
	Std   []float32 `json:"std,omitempty"`
	Order string    `json:"order,omitempty"`

	// JPEGReduce is Preprocess.JPEGReduce; if missing, DefaultJPEGReduce wherever
	// photos are antialiased, and 0 elsewhere.
	JPEGReduce *float32 `json:"jpeg_reduce,omitempty"`

	// Color is ColorSRGB or ColorStored; if missing, ColorSRGB.
	Color string `json:"color,omitempty"`
}

// DefaultJPEGReduce is how large JPEGs are decoded where nothing else is said: at a reduced
// size as long as no pixel of the input has to be enlarged.
const DefaultJPEGReduce = 1

// SettingsOf returns settings with every field of p.
func SettingsOf(p Preprocess) Settings {
	antialias, reduce := p.Antialias, p.JPEGReduce
	color := cmp.Or(p.Color, ColorStored)
	return Settings{Width: p.Width, Height: p.Height, Rule: p.Rule, Side: p.Side, Filter: p.Filter, Antialias: &antialias,
		Mean: slices.Clone(p.Mean[:]), Std: slices.Clone(p.Std[:]), Order: p.Order, JPEGReduce: &reduce, Color: color}
}

// HasSize reports whether a size is given.
func (s *Settings) HasSize() bool { return s.Width != 0 || s.Height != 0 }

// SaysHow reports whether anything but a size is given.
func (s *Settings) SaysHow() bool {
	return s.Preset != "" || s.Rule != "" || s.Side != 0 || s.Crop != 0 || s.Filter != "" || s.Antialias != nil ||
		s.Mean != nil || s.Std != nil || s.Order != "" || s.JPEGReduce != nil || s.Color != ""
}

// Over lays s over other settings: fields that s does not set are theirs. A preset of s
// hides all of theirs but the size. A size of s scales their Side in proportion.
func (s Settings) Over(under Settings) Settings {
	if s.Preset != "" {
		under = Settings{Width: under.Width, Height: under.Height}
	}
	if s.HasSize() && under.Side != 0 && under.HasSize() {
		under.Crop, under.Side = float64(max(under.Width, under.Height))/float64(under.Side), 0
	}
	if s.Rule != "" || s.Side != 0 || s.Crop != 0 {
		under.Side, under.Crop = 0, 0
	}
	if !s.HasSize() {
		s.Width, s.Height = under.Width, under.Height
	}
	s.Preset = cmp.Or(s.Preset, under.Preset)
	if s.Filter == "" && s.Antialias == nil { // what follows from them otherwise
		s.JPEGReduce = cmp.Or(s.JPEGReduce, under.JPEGReduce)
	}
	s.Rule = cmp.Or(s.Rule, under.Rule)
	s.Side = cmp.Or(s.Side, under.Side)
	s.Crop = cmp.Or(s.Crop, under.Crop)
	if s.Filter == "" {
		s.Filter = under.Filter
		s.Antialias = cmp.Or(s.Antialias, under.Antialias) // goes with the filter
	}
	if s.Mean == nil {
		s.Mean = under.Mean
	}
	if s.Std == nil {
		s.Std = under.Std
	}
	s.Order = cmp.Or(s.Order, under.Order)
	s.Color = cmp.Or(s.Color, under.Color)
	return s
}

// Resolve makes a whole preparation for inputs of width×height pixels. It returns the
// names of the fields that are needed and not given; with any missing, the Preprocess
// is incomplete and must not be used.
func (s *Settings) Resolve(width, height int) (p Preprocess, missing []string, err error) {
	if s.Preset != "" {
		if p, err = Preset(s.Preset, width, height); err != nil {
			return p, nil, err
		}
	}
	p.Width, p.Height = width, height
	s.resolveRule(&p)
	if s.Filter != "" {
		p.Filter, p.Antialias = s.Filter, s.Filter != FilterTFBilinear
	}
	if s.Antialias != nil {
		p.Antialias = *s.Antialias
	}
	if s.Order != "" {
		p.Order = s.Order
	}
	switch {
	case s.JPEGReduce != nil:
		p.JPEGReduce = *s.JPEGReduce
	case p.Antialias:
		p.JPEGReduce = DefaultJPEGReduce
	}
	if s.Color != ColorStored {
		p.Color = cmp.Or(s.Color, ColorSRGB)
	}
	if err := triples(&p.Mean, "mean", s.Mean); err != nil {
		return p, nil, err
	}
	if err := triples(&p.Std, "std", s.Std); err != nil {
		return p, nil, err
	}
	if missing = s.missing(&p); len(missing) > 0 {
		return p, missing, nil
	}
	return p, nil, p.Validate()
}

func (s *Settings) resolveRule(p *Preprocess) {
	switch {
	case s.Rule != "":
		p.Rule = s.Rule
	case s.Side != 0 || s.Crop != 0:
		p.Rule = RuleShorterSide
	}
	larger := max(p.Width, p.Height)
	switch {
	case p.Rule != RuleShorterSide:
		p.Side = s.Side // which Validate refuses
	case s.Side != 0:
		p.Side = s.Side
	case s.Crop > 0:
		p.Side = int(min(math.Floor(float64(larger)/s.Crop+0.5), 2*MaxInputSide))
	}
}

// missing lists the settings that a preparation needs and that are not given.
func (s *Settings) missing(p *Preprocess) []string {
	var names []string
	for _, f := range []struct {
		name string
		none bool
	}{
		{"resize", p.Rule == ""}, {"crop", p.Rule == RuleShorterSide && p.Side == 0}, {"filter", p.Filter == ""},
		{"mean", s.Preset == "" && s.Mean == nil}, {"std", s.Preset == "" && s.Std == nil}, {"order", p.Order == ""},
	} {
		if f.none {
			names = append(names, f.name)
		}
	}
	return names
}

// triples sets three channels from one number or three.
func triples(to *[3]float32, name string, v []float32) error {
	switch len(v) {
	case 0:
	case 1:
		*to = same(v[0])
	case 3:
		copy(to[:], v)
	default:
		return fmt.Errorf("preprocessing: %s has %d numbers, not one or one for each of three channels", name, len(v))
	}
	return nil
}

// Check refuses values that are invalid whatever they are laid over.
func (s *Settings) Check() error {
	if s.Width < 0 || s.Height < 0 || (s.Width == 0) != (s.Height == 0) {
		return fmt.Errorf("width %d and height %d: give both, in pixels", s.Width, s.Height)
	}
	if s.Side < 0 || s.Crop < 0 || s.Crop > 1 || s.Side != 0 && s.Crop != 0 {
		return fmt.Errorf("side %d, crop %g: give one of them, crop as a share of the side", s.Side, s.Crop)
	}
	if s.Preset != "" && findPreset(s.Preset) == nil {
		return fmt.Errorf("no preprocessing preset %q: there are %s", s.Preset, strings.Join(PresetNames(), ", "))
	}
	return nil
}
