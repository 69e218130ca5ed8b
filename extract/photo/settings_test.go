package photo

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Settings made of a preparation say all of it again, at the same size and, laid
// under another size, in proportion.
func TestSettingsOf(t *testing.T) {
	for _, name := range PresetNames() {
		p, err := Preset(name, 224, 224)
		if err != nil {
			t.Fatal(err)
		}
		s := SettingsOf(p)
		if back, missing, err := s.Resolve(224, 224); err != nil || missing != nil || back != p {
			t.Errorf("%s: got %+v (missing %v, %v), want %+v", name, back, missing, err, p)
		}
		double := Settings{Width: 448, Height: 448}.Over(s)
		want, _ := Preset(name, 448, 448)
		if got, missing, err := double.Resolve(448, 448); err != nil || missing != nil || got != want {
			t.Errorf("%s at 448: got %+v (missing %v, %v), want %+v", name, got, missing, err, want)
		}
	}
}

func TestSettingsOver(t *testing.T) {
	yes, full := true, float32(0)
	whole := Settings{Width: 224, Height: 224, Rule: RuleShorterSide, Side: 256, Filter: FilterBicubic, Antialias: &yes, Mean: []float32{1},
		Std: []float32{2}, Order: OrderRGB, JPEGReduce: &full}
	for name, c := range map[string]struct{ top, want Settings }{
		"nothing": {Settings{}, whole},
		"a preset hides all but the size": {Settings{Preset: "lite"},
			Settings{Preset: "lite", Width: 224, Height: 224}},
		"another rule needs no side": {Settings{Rule: RuleSquash},
			Settings{Width: 224, Height: 224, Rule: RuleSquash, Filter: FilterBicubic, Antialias: &yes, Mean: []float32{1}, Std: []float32{2},
				Order: OrderRGB, JPEGReduce: &full}},
		"antialiasing and reduced decoding go with the filter": {Settings{Filter: FilterTFBilinear},
			Settings{Width: 224, Height: 224, Rule: RuleShorterSide, Side: 256, Filter: FilterTFBilinear, Mean: []float32{1}, Std: []float32{2},
				Order: OrderRGB}},
		"crop instead of side": {Settings{Crop: 1},
			Settings{Width: 224, Height: 224, Rule: RuleShorterSide, Crop: 1, Filter: FilterBicubic, Antialias: &yes, Mean: []float32{1},
				Std: []float32{2}, Order: OrderRGB, JPEGReduce: &full}},
	} {
		if d := cmp.Diff(c.want, c.top.Over(whole)); d != "" {
			t.Errorf("%s: (-want +got)\n%s", name, d)
		}
	}
}

// Every key that Set knows is listed, and none is listed that it does not know.
func TestKeys(t *testing.T) {
	values := map[string]string{"preprocess": "lite", "size": "9", "resize": "squash", "side": "9", "crop": "0.5", "filter": "bicubic",
		"antialias": "true", "mean": "1", "std": "1", "order": "bgr", "color": "stored",
		"jpeg-reduce": "2"}
	for _, k := range Keys() {
		var s Settings
		if err := s.Set(k.Name, values[k.Name]); err != nil || k.About == "" {
			t.Errorf("%s (%s): %v", k.Name, k.About, err)
		}
		if cmp.Equal(s, Settings{}) {
			t.Errorf("%s changes nothing", k.Name)
		}
		delete(values, k.Name)
	}
	if len(values) > 0 {
		t.Errorf("not listed: %v", values)
	}
	if err := new(Settings).Set("colour", "red"); err == nil {
		t.Error("a setting that does not exist was set")
	}
}

// What nobody says about reduced decoding follows from antialiasing; what is said stays.
func TestReduceIfUnsaid(t *testing.T) {
	no, zero, three := false, float32(0), float32(3)
	for name, c := range map[string]struct {
		say  Settings
		want float32
	}{
		"nothing":             {Settings{Preset: "lite"}, DefaultJPEGReduce},
		"full":                {Settings{Preset: "lite", JPEGReduce: &zero}, 0},
		"with more pixels":    {Settings{Preset: "lite", JPEGReduce: &three}, 3},
		"without antialias":   {Settings{Preset: "lite", Antialias: &no}, 0},
		"TensorFlow's filter": {Settings{Preset: "lite", Filter: FilterTFBilinear}, 0},
	} {
		p, missing, err := c.say.Resolve(224, 224)
		if err != nil || missing != nil || p.JPEGReduce != c.want {
			t.Errorf("%s: reduction %g (missing %v, %v), want %g", name, p.JPEGReduce, missing, err, c.want)
		}
		again := SettingsOf(p)
		if back, _, err := again.Resolve(224, 224); err != nil || back != p {
			t.Errorf("%s: got %+v back (%v), want %+v", name, back, err, p)
		}
	}
}
