package photo

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
)

// Resize rules: how a picture of any shape becomes the network's input.
const (
	// RuleCenterSquare takes the largest central part of the input's shape (a
	// square, mostly) and scales it.
	RuleCenterSquare = "center-square"

	// RuleShorterSide scales the picture until its shorter side is Side pixels
	// and takes the centre, as torchvision's Resize and CenterCrop do.
	RuleShorterSide = "shorter-side"

	// RuleSquash scales width and height separately: all of the picture is kept,
	// but not its shape. TensorFlow's retrain.py does this.
	RuleSquash = "squash"
)

// Filters: how pixels are interpolated.
const (
	FilterBicubic  = "bicubic"  // Keys' cubic with a = −½, as in Pillow
	FilterBilinear = "bilinear" // pixel centres at half-integers, as in Pillow, OpenCV and PyTorch

	// FilterTFBilinear is TensorFlow 1's resize_bilinear: output pixel i lies at
	// i·scale between its two neighbours, without the half-pixel offset. It has
	// no antialiasing.
	FilterTFBilinear = "tf-bilinear"
)

// Colours.
const (
	ColorSRGB   = "srgb"   // converted to sRGB
	ColorStored = "stored" // in Settings only: as they are stored
)

// Channel orders.
const (
	OrderRGB = "rgb"
	OrderBGR = "bgr"
)

// A Preprocess says how a photo becomes a network's input. It differs from network to
// network, decides their accuracy and cannot be seen in the network itself. So it is
// part of a model's identity.
//
// The result is Height×Width×3 float32, row-major with the channels innermost
// (NHWC), each value (pixel − Mean) / Std where pixel runs from 0 to 255.
type Preprocess struct {
	Width  int `json:"width"`
	Height int `json:"height"`

	Rule string `json:"resize"`         // RuleCenterSquare, RuleShorterSide or RuleSquash
	Side int    `json:"side,omitempty"` // for RuleShorterSide only

	Filter string `json:"filter"` // FilterBicubic, FilterBilinear or FilterTFBilinear
	// Antialias widens the filter when a picture shrinks, so that every source
	// pixel counts (Pillow always does). Without it only the nearest pixels do.
	Antialias bool `json:"antialias"`

	// Mean and Std are in pixel units and in the order of the output's channels:
	// for OrderBGR the first belongs to blue.
	Mean [3]float32 `json:"mean"`
	Std  [3]float32 `json:"std"`

	Order string `json:"order"` // OrderRGB or OrderBGR

	// JPEGReduce lets a large JPEG be decoded at ½, ¼ or ⅛ of its size, straight from its
	// coefficients, as long as what is cut out of it still has JPEGReduce times the pixels
	// of the input on either axis. That saves most of the time for photos of many
	// megapixels. Each pixel decoded is the mean of those that it stands for, which the
	// filter makes up for: features change by a cosine of about 0.998. Smaller photos keep
	// their pixels. 0 decodes at full size always; otherwise it is at least 1.
	JPEGReduce float32 `json:"jpeg_reduce,omitempty"`

	// Color is ColorSRGB where the colours of photos in a wide gamut, such as Display P3 and
	// Adobe RGB, are converted to sRGB by the ICC profile in the file. Photos in sRGB, and
	// those that do not say, are not changed. Empty leaves all as they are stored.
	Color string `json:"color,omitempty"`
}

// MaxInputSide is the largest Width, Height and Side. It is far above any classifier's
// input and bounds memory.
const MaxInputSide = 8192

// Validate reports what is missing or contradictory.
func (p *Preprocess) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if p.Width < 1 || p.Height < 1 || p.Width > MaxInputSide || p.Height > MaxInputSide {
		bad("size %d×%d: width and height must be 1 to %d", p.Width, p.Height, MaxInputSide)
	}
	switch p.Rule {
	case RuleShorterSide:
		if p.Side < max(p.Width, p.Height) || p.Side > MaxInputSide {
			bad("side %d: must be at least the larger of width and height, at most %d", p.Side, MaxInputSide)
		}
	case RuleCenterSquare, RuleSquash:
		if p.Side != 0 {
			bad("side %d: only the resize rule %q has one", p.Side, RuleShorterSide)
		}
	default:
		bad("resize rule %q: want %s, %s or %s", p.Rule, RuleCenterSquare, RuleShorterSide, RuleSquash)
	}
	switch p.Filter {
	case FilterBicubic, FilterBilinear:
	case FilterTFBilinear:
		if p.Antialias {
			bad("filter %s has no antialiasing", FilterTFBilinear)
		}
	default:
		bad("filter %q: want %s, %s or %s", p.Filter, FilterBicubic, FilterBilinear, FilterTFBilinear)
	}
	if p.Order != OrderRGB && p.Order != OrderBGR {
		bad("channel order %q: want %s or %s", p.Order, OrderRGB, OrderBGR)
	}
	if p.JPEGReduce != 0 && !(p.JPEGReduce >= 1 && finite(p.JPEGReduce) && p.Antialias) {
		bad("jpeg reduction factor %g: must be 0 or, with antialiasing, at least 1", p.JPEGReduce)
	}
	if p.Color != "" && p.Color != ColorSRGB {
		bad("color %q: want %s, or nothing for colours as stored", p.Color, ColorSRGB)
	}
	for i := range 3 {
		if !finite(p.Mean[i]) || !finite(p.Std[i]) || p.Std[i] <= 0 {
			bad("channel %d: mean %g and standard deviation %g must be finite, the latter positive", i, p.Mean[i], p.Std[i])
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("preprocessing: %w", errors.Join(errs...))
	}
	return nil
}

func finite(v float32) bool { return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) }

// Len is the number of float32 values of one input, Height·Width·3.
func (p *Preprocess) Len() int { return p.Height * p.Width * 3 }

// String describes it in words, such as
//
//	320×320, central square, bicubic with antialiasing, (pixel − 127) / 128, RGB
func (p *Preprocess) String() string {
	words := []string{fmt.Sprintf("%d×%d", p.Width, p.Height)}
	switch p.Rule {
	case RuleCenterSquare:
		if p.Width == p.Height {
			words = append(words, "central square")
		} else {
			words = append(words, "central part")
		}
	case RuleShorterSide:
		words = append(words, fmt.Sprintf("centre after scaling the shorter side to %d", p.Side))
	case RuleSquash:
		words = append(words, "whole picture squashed")
	}
	switch filter := p.Filter; {
	case filter == FilterTFBilinear:
		words = append(words, "bilinear as in TensorFlow 1")
	case p.Antialias:
		words = append(words, filter+" with antialiasing")
	default:
		words = append(words, filter)
	}
	if p.JPEGReduce != 0 {
		left := ""
		if p.JPEGReduce != 1 {
			left = fmt.Sprintf(" of at least %g times the input", p.JPEGReduce)
		}
		words = append(words, "large JPEGs at reduced size"+left)
	}
	return strings.Join(append(words, p.Normalisation(), strings.ToUpper(p.Order)), ", ")
}

// Normalisation describes how a pixel's value is normalised: "(pixel − 127) / 128".
func (p *Preprocess) Normalisation() string {
	mean, std := triple(p.Mean), triple(p.Std)
	switch {
	case mean == "0" && std == "1":
		return "pixels 0…255"
	case mean == "0":
		return "pixel / " + std
	case std == "1":
		return "pixel − " + mean
	}
	return fmt.Sprintf("(pixel − %s) / %s", mean, std)
}

func triple(v [3]float32) string {
	if v[0] == v[1] && v[1] == v[2] {
		return fmt.Sprint(v[0])
	}
	return fmt.Sprintf("[%g %g %g]", v[0], v[1], v[2])
}

// pixelRevision counts changes of decoding or resizing that change pixels by
// more than rounding. It is part of CanonicalString.
const pixelRevision = 1

// CanonicalString is the same for two Preprocess exactly if they give the same pixels:
// it is part of a model's identity. It is JSON with a fixed order of fields, which
// json.Unmarshal reads back.
func (p *Preprocess) CanonicalString() string {
	b, err := json.Marshal(struct {
		Revision int `json:"revision"`
		*Preprocess
	}{pixelRevision, p})
	if err != nil { // NaN or infinity, which Validate refuses
		return fmt.Sprintf("%+v", *p)
	}
	return string(b)
}
