package photo

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestPresets(t *testing.T) {
	for _, name := range append(PresetNames(), "tf") {
		p, err := Preset(name, 224, 224)
		if err != nil {
			t.Fatal(err)
		}
		if PresetAbout(name) == "" {
			t.Errorf("preset %s does not say what it is for", name)
		}
		var back Preprocess
		if err := json.Unmarshal([]byte(p.CanonicalString()), &back); err != nil || back != p {
			t.Errorf("preset %s: canonical string %s reads back as %+v, %v", name, p.CanonicalString(), back, err)
		}
	}
	if p, _ := Preset("imagenet", 224, 224); p.Side != 256 {
		t.Errorf("imagenet at 224 scales the shorter side to %d, want 256", p.Side)
	}
	if _, err := Preset("imagnet", 224, 224); err == nil || !strings.Contains(err.Error(), "imagenet") {
		t.Errorf("unknown preset: error %v does not list the known ones", err)
	}
}

// TestCanonicalString pins the form that model identities are made of: changing
// it makes every stored vector unreachable.
func TestCanonicalString(t *testing.T) {
	p, err := Preset("lite", 320, 320)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"revision":1,"width":320,"height":320,"resize":"center-square","filter":"bicubic","antialias":true,"mean":[127,127,127],"std":[128,128,128],"order":"rgb"}`
	if got := p.CanonicalString(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := p.String(), "320×320, central square, bicubic with antialiasing, (pixel − 127) / 128, RGB"; got != want {
		t.Errorf("in words: %q, want %q", got, want)
	}
}

func TestValidate(t *testing.T) {
	good, _ := Preset("imagenet", 224, 224)
	for name, spoil := range map[string]func(p *Preprocess){
		"no size":         func(p *Preprocess) { p.Width = 0 },
		"huge":            func(p *Preprocess) { p.Height = 1 << 20 },
		"side too small":  func(p *Preprocess) { p.Side = 200 },
		"stray side":      func(p *Preprocess) { p.Rule = RuleSquash },
		"rule":            func(p *Preprocess) { p.Rule = "stretch" },
		"filter":          func(p *Preprocess) { p.Filter = "lanczos" },
		"antialiased tf":  func(p *Preprocess) { p.Filter = FilterTFBilinear },
		"reduction":       func(p *Preprocess) { p.JPEGReduce = 0.5 },
		"order":           func(p *Preprocess) { p.Order = "gbr" },
		"zero deviation":  func(p *Preprocess) { p.Std[1] = 0 },
		"infinite mean":   func(p *Preprocess) { p.Mean[2] = float32(math.Inf(1)) },
		"everything else": func(p *Preprocess) { *p = Preprocess{} },
	} {
		p := good
		spoil(&p)
		if err := p.Validate(); err == nil {
			t.Errorf("%s: accepted %+v", name, p)
		}
		if err := p.Pixels(make([]float32, p.Len()&0xffff), nil, Limits{}, nil); err == nil {
			t.Errorf("%s: used", name)
		}
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}
