package modelfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"featstore/extract/photo"
)

func TestManifestReadsBack(t *testing.T) {
	p, _ := photo.Preset("caffe", 227, 200)
	m := Manifest{Name: "n", File: "n.onnx", SHA256: "ab", Tap: "t", Pool: "max", Layout: LayoutNHWC, Dim: 5, Preprocess: photo.SettingsOf(p)}
	got, err := ParseManifest(m.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m, got); d != "" {
		t.Errorf("(-written +read)\n%s", d)
	}
}

func TestManifestRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`["daisy","roses"]`:            "not a manifest",
		``:                             "not a manifest",
		`{"preprocess":{"meen":[1]}}`:  `unknown field "meen"`,
		`{} {}`:                        "something follows",
		`{"preprocess":{"width":224}}`: "give both",
		`{"preprocess":{"width":-1,"height":-1}}`:      "give both",
		`{"preprocess":{"side":256,"crop":0.5}}`:       "give one of them",
		`{"preprocess":{"crop":2}}`:                    "as a share",
		`{"preprocess":{"preset":"imagnet"}}`:          "no preprocessing preset",
		`{"layout":"chw"}`:                             "want nchw or nhwc",
		`{"preprocess":{"antialias":"yes"}}`:           "not a manifest",
		`{"preprocess":{"mean":[1e99]}}`:               "not a manifest",
		`{"preprocess":{"preset":"lite","std":"128"}}`: "not a manifest",
	} {
		if _, err := ParseManifest([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

// A pooling goes with the tap it was given for, and a dimension with both.
func TestManifestOver(t *testing.T) {
	under := Manifest{Name: "u", Tap: "map", Pool: "max", Dim: 7}
	for name, c := range map[string]struct{ top, want Manifest }{
		"nothing":         {Manifest{}, under},
		"a name":          {Manifest{Name: "n"}, Manifest{Name: "n", Tap: "map", Pool: "max", Dim: 7}},
		"another tap":     {Manifest{Tap: "other"}, Manifest{Name: "u", Tap: "other"}},
		"the same tap":    {Manifest{Tap: "map"}, under},
		"another pooling": {Manifest{Pool: "none"}, Manifest{Name: "u", Tap: "map", Pool: "none"}},
	} {
		if d := cmp.Diff(c.want, c.top.Over(under)); d != "" {
			t.Errorf("%s: (-want +got)\n%s", name, d)
		}
	}
}
