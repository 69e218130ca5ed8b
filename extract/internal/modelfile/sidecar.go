package modelfile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"featstore/extract/photo"
	"featstore/extract/userfile"
)

// fromSidecars returns what the JSON files beside a model say: its manifest, and the
// configurations that come with networks of Hugging Face's hub. The latter come last
// because their folder may hold several models.
func fromSidecars(dir fs.FS, model string) (manifest, configs []source, err error) {
	name := strings.TrimSuffix(model, path.Ext(model)) + ".json"
	data, err := readSmall(dir, name)
	if err != nil {
		return nil, nil, err
	}
	if data != nil {
		m, err := ParseManifest(data)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		manifest = []source{{"manifest " + name, m}}
	}
	for _, c := range []struct {
		name string
		read func(data []byte) (*source, error)
	}{{"preprocessor_config.json", huggingFaceProcessor}, {"config.json", huggingFaceTimm}} {
		data, err := readSmall(dir, c.name)
		if err != nil {
			return nil, nil, err
		}
		if data == nil {
			continue
		}
		s, err := c.read(data)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", c.name, err)
		}
		if s != nil {
			s.from = c.name
			configs = append(configs, *s)
		}
	}
	return manifest, configs, nil
}

// readSmall reads a file, or returns nil if there is none.
func readSmall(dir fs.FS, name string) ([]byte, error) {
	if info, err := fs.Stat(dir, name); errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		return nil, nil
	}
	data, err := userfile.ReadFS(context.Background(), dir, name, maxManifest)
	switch {
	case errors.Is(err, userfile.ErrTooLarge):
		return nil, fmt.Errorf("%s: larger than %d bytes, the most that is read beside a network", name, maxManifest)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}

// A processor is a preprocessor_config.json of the package transformers.
type processor struct {
	Resize    *bool           `json:"do_resize"`
	Size      json.RawMessage `json:"size"`
	Resample  *int            `json:"resample"` // Pillow's number: 2 bilinear, 3 bicubic
	Crop      bool            `json:"do_center_crop"`
	CropSize  json.RawMessage `json:"crop_size"`
	CropPct   float64         `json:"crop_pct"`
	Rescale   *bool           `json:"do_rescale"`
	Factor    float64         `json:"rescale_factor"`
	Normalize *bool           `json:"do_normalize"`
	Mean      []float64       `json:"image_mean"`
	Std       []float64       `json:"image_std"`
	Flip      bool            `json:"do_flip_channel_order"`
}

func isTrue(b *bool) bool { return b == nil || *b }

// huggingFaceProcessor reads a preprocessor_config.json, if it is one for images.
func huggingFaceProcessor(data []byte) (*source, error) {
	var c processor
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, err
	}
	if c.Size == nil || !isTrue(c.Resize) || !isTrue(c.Rescale) {
		return nil, nil // not for images, or of a form that is not supported
	}
	s := new(source)
	p := &s.Preprocess
	p.Order = photo.OrderRGB
	if c.Flip {
		p.Order = photo.OrderBGR
	}
	scale := 255.
	if c.Factor > 0 {
		scale = 1 / c.Factor
	}
	p.Mean, p.Std = []float32{0}, []float32{float32(scale)}
	if isTrue(c.Normalize) {
		if len(c.Mean) != 3 || len(c.Std) != 3 {
			return nil, errors.New("image_mean and image_std want 3 numbers each")
		}
		p.Mean, p.Std = pixelUnits(c.Mean, scale), pixelUnits(c.Std, scale)
	}
	switch {
	case c.Resample == nil || *c.Resample == 2:
		p.Filter = photo.FilterBilinear
	case *c.Resample == 3:
		p.Filter = photo.FilterBicubic
	default:
		return nil, fmt.Errorf("resample %d is not one of 2 (bilinear), 3 (bicubic)", *c.Resample)
	}
	return s, c.cut(p)
}

// cut translates size and crop_size: a number, {"shortest_edge"}, or {"height",
// "width"}.
func (c *processor) cut(p *photo.Settings) error {
	short, w, h, err := edges(c.Size)
	if err != nil {
		return fmt.Errorf("size: %w", err)
	}
	var number int
	bare := json.Unmarshal(c.Size, &number) == nil
	switch {
	case c.Crop && c.CropSize != nil:
		side, cw, ch, err := edges(c.CropSize)
		if err != nil {
			return fmt.Errorf("crop_size: %w", err)
		}
		p.Width, p.Height = max(cw, side), max(ch, side)
		p.Rule, p.Side = photo.RuleShorterSide, max(short, min(w, h))
	case c.CropPct > 0 && c.CropPct <= 1 && short > 0: // ConvNeXt
		p.Width, p.Height = short, short
		p.Rule, p.Crop = photo.RuleShorterSide, c.CropPct
		if short >= 384 {
			p.Rule, p.Crop = photo.RuleSquash, 0
		}
	case bare: // as the first vision transformers write it: both sides
		p.Width, p.Height, p.Rule = short, short, photo.RuleSquash
	case short > 0:
		p.Width, p.Height, p.Rule, p.Side = short, short, photo.RuleShorterSide, short
	default:
		p.Width, p.Height, p.Rule = w, h, photo.RuleSquash
	}
	return nil
}

func edges(raw json.RawMessage) (short, w, h int, err error) {
	var n int
	if json.Unmarshal(raw, &n) == nil && n > 0 {
		return n, 0, 0, nil
	}
	var e struct {
		Short int `json:"shortest_edge"`
		W     int `json:"width"`
		H     int `json:"height"`
	}
	if err := json.Unmarshal(raw, &e); err != nil || e.Short <= 0 && (e.W <= 0 || e.H <= 0) {
		return 0, 0, 0, fmt.Errorf("%.60s is neither a number nor shortest_edge nor height and width", raw)
	}
	return e.Short, e.W, e.H, nil
}

// huggingFaceTimm reads the pretrained_cfg in a config.json of timm's networks.
func huggingFaceTimm(data []byte) (*source, error) {
	var c struct {
		Config *timmConfig `json:"pretrained_cfg"`
	}
	if err := json.Unmarshal(data, &c); err != nil || c.Config == nil {
		return nil, nil // many other things are called config.json
	}
	return c.Config.source("")
}
