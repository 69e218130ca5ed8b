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
	yes := true
	whole := Settings{Width: 224, Height: 224, Rule: RuleShorterSide, Side: 256, Filter: FilterBicubic, Antialias: &yes, Mean: []float32{1},
		Std: []float32{2}, Order: OrderRGB}
	for name, c := range map[string]struct{ top, want Settings }{
		"nothing": {Settings{}, whole},
		"a preset hides all but the size": {Settings{Preset: "lite"},
			Settings{Preset: "lite", Width: 224, Height: 224}},
		"another rule needs no side": {Settings{Rule: RuleSquash},
			Settings{Width: 224, Height: 224, Rule: RuleSquash, Filter: FilterBicubic, Antialias: &yes, Mean: []float32{1}, Std: []float32{2},
				Order: OrderRGB}},
		"antialiasing goes with the filter": {Settings{Filter: FilterTFBilinear},
			Settings{Width: 224, Height: 224, Rule: RuleShorterSide, Side: 256, Filter: FilterTFBilinear, Mean: []float32{1}, Std: []float32{2},
				Order: OrderRGB}},
		"crop instead of side": {Settings{Crop: 1},
			Settings{Width: 224, Height: 224, Rule: RuleShorterSide, Crop: 1, Filter: FilterBicubic, Antialias: &yes, Mean: []float32{1},
				Std: []float32{2}, Order: OrderRGB}},
	} {
		if d := cmp.Diff(c.want, c.top.Over(whole)); d != "" {
			t.Errorf("%s: (-want +got)\n%s", name, d)
		}
	}
}

// Every key that Set knows is listed, and none is listed that it does not know.
func TestKeys(t *testing.T) {
	values := map[string]string{"preprocess": "lite", "size": "9", "resize": "squash", "side": "9", "crop": "0.5", "filter": "bicubic",
		"antialias": "true", "mean": "1", "std": "1", "order": "bgr"}
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
