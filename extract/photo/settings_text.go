package photo

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Key is a setting by its name on a command line.
type Key struct{ Name, About string }

// Keys lists the settings that Set knows.
func Keys() []Key {
	keys := make([]Key, len(settings))
	for i, s := range settings {
		keys[i] = Key{s.name, s.about}
	}
	return keys
}

// Set sets the setting of that name from text, as it stands on a command line.
func (s *Settings) Set(key, value string) error {
	for _, known := range settings {
		if known.name == key {
			return known.set(s, value)
		}
	}
	return fmt.Errorf("there is no setting %q", key)
}

// A setting is one field of Settings by its name on the command line.
type setting struct {
	name, about string
	set         func(s *Settings, value string) error
}

var settings = []setting{
	{"preprocess", "a preset", func(s *Settings, v string) error {
		if findPreset(v) == nil {
			return fmt.Errorf("there is no such preset: choose one of %s", strings.Join(PresetNames(), ", "))
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
				return fmt.Errorf("%g is not a standard deviation of pixels 0…255: multiply mean and std by 255 if they are for pixels 0…1", x)
			}
		}
		return err
	}},
	{"order", "of the channels: " + OrderRGB + ", " + OrderBGR, oneOf(func(s *Settings) *string { return &s.Order }, OrderRGB, OrderBGR)},
	{"color", ColorSRGB + ": wide gamuts are converted by their ICC profile; " + ColorStored + ": they are not",
		oneOf(func(s *Settings) *string { return &s.Color }, ColorSRGB, ColorStored)},
	{"jpeg-reduce", "decode JPEGs at 1/2, 1/4 or 1/8 as long as N times the pixels are left; 0: in full", func(s *Settings, v string) error {
		n, err := strconv.ParseFloat(v, 32)
		if err != nil || !(n == 0 || n >= 1 && n <= math.MaxFloat32) {
			return fmt.Errorf("want 0, or a number of at least 1")
		}
		reduce := float32(n)
		s.JPEGReduce = &reduce
		return nil
	}},
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
		return fmt.Errorf("want pixels a side, such as 224, or width by height, such as 384x256")
	}
	if max(s.Width, s.Height) > MaxInputSide {
		return fmt.Errorf("%d pixels: at most %d are possible", max(s.Width, s.Height), MaxInputSide)
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
