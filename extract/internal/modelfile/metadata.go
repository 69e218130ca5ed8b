package modelfile

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"featstore/extract/photo"
)

// metadataPrefix begins the keys of a model's metadata that are meant for featstore: the
// names of Keys, as "featstore.preprocess" with the value "imagenet,size=224".
const metadataPrefix = "featstore."

// manifestKey is the key under which featstore writes a whole manifest, as JSON.
const manifestKey = metadataPrefix + "manifest"

// WithManifest returns a model's metadata with a manifest in the place of all that it has
// for featstore.
func WithManifest(meta map[string]string, m Manifest) map[string]string {
	with := map[string]string{manifestKey: string(m.Encode())}
	for k, v := range meta {
		if !strings.HasPrefix(k, metadataPrefix) {
			with[k] = v
		}
	}
	return with
}

// fromMetadata returns what a model's metadata says, by featstore's own keys and by
// conventions of others.
func fromMetadata(meta map[string]string) ([]source, error) {
	var all []source
	own, err := ownMetadata(meta)
	if err != nil {
		return nil, err
	}
	if own != nil {
		all = append(all, *own)
	}
	for _, read := range []func(map[string]string) (*source, error){windowsMetadata, ultralyticsMetadata, timmMetadata, modelAPIMetadata} {
		s, err := read(meta)
		if err != nil {
			return nil, fmt.Errorf("the model's metadata: %w", err)
		}
		if s != nil {
			all = append(all, *s)
		}
	}
	return all, nil
}

func ownMetadata(meta map[string]string) (*source, error) {
	s := &source{from: "the model's metadata"}
	manifest, found := meta[manifestKey]
	if found {
		var err error
		if s.Manifest, err = ParseManifest([]byte(manifest)); err != nil {
			return nil, fmt.Errorf("the model's metadata: %s: %w", manifestKey, err)
		}
	}
	for _, k := range Keys() {
		v, ok := meta[metadataPrefix+k.Name]
		if !ok {
			continue
		}
		found = true
		set := func() error { return s.Set(k.Name, v) }
		if k.Name == "preprocess" {
			set = func() error { return s.SetAll(v) }
		}
		if err := set(); err != nil {
			return nil, fmt.Errorf("the model's metadata: %s%w", metadataPrefix, err)
		}
	}
	if !found {
		return nil, nil
	}
	return s, nil
}

// plainCut is how featstore cuts and scales for a network whose metadata only says how
// pixels are normalised.
func plainCut(s *photo.Settings) {
	s.Rule, s.Filter = photo.RuleCenterSquare, photo.FilterBilinear
}

const plainCutWords = "; the cut is featstore's usual one"

// windowsMetadata reads the keys that Windows ML, ML.NET and Azure Custom Vision
// write: https://github.com/onnx/onnx/blob/main/docs/MetadataProps.md.
func windowsMetadata(meta map[string]string) (*source, error) {
	const rangeKey, formatKey = "Image.NominalPixelRange", "Image.BitmapPixelFormat"
	pixels, ok := meta[rangeKey]
	if !ok {
		return nil, nil
	}
	s := &source{from: "the model's metadata (" + rangeKey + ")" + plainCutWords}
	p := &s.Preprocess
	plainCut(p)
	switch pixels {
	case "NominalRange_0_255":
		p.Mean, p.Std = []float32{0}, []float32{1}
	case "Normalized_0_1":
		p.Mean, p.Std = []float32{0}, []float32{255}
	case "Normalized_1_1":
		p.Mean, p.Std = []float32{127.5}, []float32{127.5}
	default:
		return nil, nil // ranges of video, which photos do not have
	}
	switch format := meta[formatKey]; {
	case format == "" || strings.HasPrefix(format, "Rgb"):
		p.Order = photo.OrderRGB
	case strings.HasPrefix(format, "Bgr"):
		p.Order = photo.OrderBGR
	default:
		return nil, fmt.Errorf("%s is %q: photos have 3 colours, Rgb8 or Bgr8", formatKey, format)
	}
	return s, nil
}

// ultralyticsMetadata recognises classifiers of the package ultralytics, whose
// pixels are 0…1 and which see the central square.
func ultralyticsMetadata(meta map[string]string) (*source, error) {
	if !strings.EqualFold(meta["author"], "Ultralytics") || meta["task"] != "classify" {
		return nil, nil
	}
	s := &source{from: "the model's metadata (Ultralytics classifier)"}
	s.Preprocess = photo.Settings{Rule: photo.RuleShorterSide, Crop: 1, Filter: photo.FilterBilinear, Mean: []float32{0}, Std: []float32{255},
		Order: photo.OrderRGB}
	var size []int
	if json.Unmarshal([]byte(meta["imgsz"]), &size) == nil && len(size) == 2 && size[0] > 0 && size[1] > 0 {
		s.Preprocess.Height, s.Preprocess.Width = size[0], size[1]
	}
	return s, nil
}

// A timmConfig is what the package timm calls pretrained_cfg: means and deviations
// of pixels 0…1.
type timmConfig struct {
	InputSize     []int     `json:"input_size"` // channels, height, width
	Mean          []float64 `json:"mean"`
	Std           []float64 `json:"std"`
	Interpolation string    `json:"interpolation"`
	CropPct       float64   `json:"crop_pct"`
	CropMode      string    `json:"crop_mode"` // "center", "squash" or "border"
}

// timmMetadata reads a pretrained_cfg, as one JSON value or key by key.
func timmMetadata(meta map[string]string) (*source, error) {
	var c timmConfig
	if text, ok := meta["pretrained_cfg"]; ok {
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			return nil, fmt.Errorf("pretrained_cfg: %w", err)
		}
		return c.source("the model's metadata (pretrained_cfg)")
	}
	if meta["mean"] == "" || meta["std"] == "" {
		return nil, nil
	}
	for key, to := range map[string]any{"input_size": &c.InputSize, "mean": &c.Mean, "std": &c.Std, "crop_pct": &c.CropPct} {
		text := strings.NewReplacer("(", "[", ")", "]").Replace(meta[key]) // Python's tuples
		if text != "" && json.Unmarshal([]byte(text), to) != nil {
			return nil, nil // other metadata under these names
		}
	}
	c.Interpolation, c.CropMode = meta["interpolation"], meta["crop_mode"]
	return c.source("the model's metadata (mean, std)")
}

func (c *timmConfig) source(from string) (*source, error) {
	if len(c.Mean) != 3 || len(c.Std) != 3 {
		return nil, nil
	}
	s := &source{from: from}
	p := &s.Preprocess
	p.Order, p.Mean, p.Std = photo.OrderRGB, pixelUnits(c.Mean, 255), pixelUnits(c.Std, 255)
	var err error
	if p.Filter, err = pillowFilter(c.Interpolation); err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	p.Rule, p.Crop = photo.RuleShorterSide, c.CropPct
	if p.Crop <= 0 || p.Crop > 1 {
		p.Crop = 0.875 // timm's own default
	}
	if c.CropMode == "squash" {
		p.Rule, p.Crop = photo.RuleSquash, 0
	}
	if n := len(c.InputSize); n == 3 && c.InputSize[1] > 0 && c.InputSize[2] > 0 {
		p.Height, p.Width = c.InputSize[1], c.InputSize[2]
	}
	return s, nil
}

// pixelUnits scales numbers for pixels 0…1 to pixels 0…255, or whatever scale says.
func pixelUnits(v []float64, scale float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x * scale)
	}
	return out
}

// pillowFilter translates the name of a filter, "" for the usual one.
func pillowFilter(name string) (string, error) {
	switch name {
	case "bicubic":
		return photo.FilterBicubic, nil
	case "bilinear", "", "random":
		return photo.FilterBilinear, nil
	}
	return "", fmt.Errorf("filter %q is not one of %s, %s", name, photo.FilterBicubic, photo.FilterBilinear)
}

// modelAPIMetadata reads what OpenVINO's Model API writes: numbers for pixels 0…255
// between blanks.
func modelAPIMetadata(meta map[string]string) (*source, error) {
	get := func(key string) string { return strings.TrimSpace(meta["model_info "+key]) }
	if get("mean_values") == "" || get("scale_values") == "" {
		return nil, nil
	}
	s := &source{from: "the model's metadata (model_info mean_values)"}
	p := &s.Preprocess
	for to, key := range map[*[]float32]string{&p.Mean: "mean_values", &p.Std: "scale_values"} {
		for word := range strings.FieldsSeq(strings.NewReplacer(",", " ", "[", " ", "]", " ").Replace(get(key))) {
			x, err := strconv.ParseFloat(word, 32)
			if err != nil {
				return nil, fmt.Errorf("model_info %s: %q is not a number", key, word)
			}
			*to = append(*to, float32(x))
		}
	}
	plainCut(p)
	switch get("resize_type") {
	case "standard":
		p.Rule = photo.RuleSquash
	case "crop":
	default:
		s.from += plainCutWords
	}
	p.Order = photo.OrderBGR // it reads pictures with OpenCV
	if strings.EqualFold(get("reverse_input_channels"), "true") {
		p.Order = photo.OrderRGB
	}
	return s, nil
}
