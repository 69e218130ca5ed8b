package extract

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Settings say how photos are prepared for a network, as far as somebody has said
// it: each field may be missing. Flags, a manifest and a model's own metadata each
// give some, and are laid over one another; together they have to make a whole
// Preprocess.
//
// A preset stands for all fields but the size, and those given beside it overrule
// it.
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
}

// SettingsOf returns settings that say all of p.
func SettingsOf(p Preprocess) Settings {
	antialias := p.Antialias
	return Settings{Width: p.Width, Height: p.Height, Rule: p.Rule, Side: p.Side, Filter: p.Filter, Antialias: &antialias,
		Mean: slices.Clone(p.Mean[:]), Std: slices.Clone(p.Std[:]), Order: p.Order}
}

// sized reports whether a size is given.
func (s *Settings) sized() bool { return s.Width != 0 || s.Height != 0 }

// says reports whether anything but a size is given.
func (s *Settings) says() bool {
	return s.Preset != "" || s.Rule != "" || s.Side != 0 || s.Crop != 0 || s.Filter != "" || s.Antialias != nil ||
		s.Mean != nil || s.Std != nil || s.Order != ""
}

// over lays s over other settings: what s does not say is theirs. A preset hides
// all of theirs but the size; a size of s scales the side that they cut from.
func (s Settings) over(under Settings) Settings {
	if s.Preset != "" {
		under = Settings{Width: under.Width, Height: under.Height}
	}
	if s.sized() && under.Side != 0 && under.sized() {
		under.Crop, under.Side = float64(max(under.Width, under.Height))/float64(under.Side), 0
	}
	if s.Rule != "" || s.Side != 0 || s.Crop != 0 {
		under.Side, under.Crop = 0, 0
	}
	if !s.sized() {
		s.Width, s.Height = under.Width, under.Height
	}
	first(&s.Preset, under.Preset)
	first(&s.Rule, under.Rule)
	first(&s.Side, under.Side)
	first(&s.Crop, under.Crop)
	if s.Filter == "" {
		s.Filter = under.Filter
		first(&s.Antialias, under.Antialias) // goes with the filter
	}
	if s.Mean == nil {
		s.Mean = under.Mean
	}
	if s.Std == nil {
		s.Std = under.Std
	}
	first(&s.Order, under.Order)
	return s
}

// first keeps what is given and takes the other value for what is not.
func first[T comparable](v *T, otherwise T) {
	var none T
	if *v == none {
		*v = otherwise
	}
}

// resolve makes a whole preparation for inputs of width×height. Fields that nobody
// has given come back by name, beside a Preprocess of no use.
func (s *Settings) resolve(width, height int) (p Preprocess, missing []string, err error) {
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
		p.Side = int(min(math.Floor(float64(larger)/s.Crop+0.5), 2*maxInputSide))
	}
}

// missing lists what is needed of a preparation and was given by nobody.
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

// triples spreads one number or three over the channels.
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

// A setting is one field of Settings by its name on the command line.
type setting struct {
	name, about string
	set         func(s *Settings, value string) error
}

var settings = []setting{
	{"preprocess", "a preset", func(s *Settings, v string) error {
		if findPreset(v) == nil {
			return fmt.Errorf("there is no such preset: choose of %s", strings.Join(PresetNames(), ", "))
		}
		s.Preset = v
		return nil
	}},
	{"size", "of what the network sees: 384, or width by height as 384x256", setSize},
	{"resize", "rule: " + RuleCenterSquare + ", " + RuleShorterSide + ", " + RuleSquash, oneOf(func(s *Settings) *string { return &s.Rule },
		RuleCenterSquare, RuleShorterSide, RuleSquash)},
	{"side", "pixels that the shorter side is scaled to before the centre is cut out", func(s *Settings, v string) (err error) {
		s.Side, err = strconv.Atoi(v)
		if err != nil || s.Side < 1 {
			return fmt.Errorf("want a number of pixels")
		}
		return nil
	}},
	{"crop", "instead of side: the share of it that the network sees, as 0.875", func(s *Settings, v string) (err error) {
		s.Crop, err = strconv.ParseFloat(v, 64)
		if err != nil || !(s.Crop > 0 && s.Crop <= 1) {
			return fmt.Errorf("want a share above 0, at most 1")
		}
		return nil
	}},
	{"filter", FilterBicubic + ", " + FilterBilinear + ", " + FilterTFBilinear, oneOf(func(s *Settings) *string { return &s.Filter },
		FilterBicubic, FilterBilinear, FilterTFBilinear)},
	{"antialias", "true or false", func(s *Settings, v string) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("want true or false")
		}
		s.Antialias = &b
		return nil
	}},
	{"mean", "of pixels 0…255: one number, or one for each channel", func(s *Settings, v string) (err error) {
		s.Mean, err = numbers(v)
		return err
	}},
	{"std", "of pixels 0…255, likewise", func(s *Settings, v string) (err error) {
		s.Std, err = numbers(v)
		for _, x := range s.Std {
			if err == nil && !(x >= 1) {
				return fmt.Errorf("%g is no deviation of pixels 0…255: multiply mean and std by 255 if they are for pixels 0…1", x)
			}
		}
		return err
	}},
	{"order", "of the channels: " + OrderRGB + ", " + OrderBGR, oneOf(func(s *Settings) *string { return &s.Order }, OrderRGB, OrderBGR)},
}

func oneOf(field func(*Settings) *string, values ...string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if !slices.Contains(values, v) {
			return fmt.Errorf("want one of %s", strings.Join(values, ", "))
		}
		*field(s) = v
		return nil
	}
}

func setSize(s *Settings, v string) error {
	w, h, two := strings.Cut(v, "x")
	if !two {
		h = w
	}
	var err, err2 error
	s.Width, err = strconv.Atoi(w)
	s.Height, err2 = strconv.Atoi(h)
	if err != nil || err2 != nil || s.Width < 1 || s.Height < 1 {
		return fmt.Errorf("want pixels a side, as 224, or width by height, as 384x256")
	}
	if max(s.Width, s.Height) > maxInputSide {
		return fmt.Errorf("%d pixels: at most %d are possible", max(s.Width, s.Height), maxInputSide)
	}
	return nil
}

// numbers reads one number, or three between commas.
func numbers(v string) ([]float32, error) {
	var list []float32
	for part := range strings.SplitSeq(v, ",") {
		x, err := strconv.ParseFloat(strings.TrimSpace(part), 32)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("want one number, or three between commas")
		}
		list = append(list, float32(x))
	}
	if len(list) != 1 && len(list) != 3 {
		return nil, fmt.Errorf("want one number, or three between commas, not %d", len(list))
	}
	return list, nil
}
