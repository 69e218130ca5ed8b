package extract

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"featstore/extract/internal/onnx/onnxtest"
	"featstore/extract/internal/tensor"
	"featstore/extract/internal/zoo"
	"featstore/extract/models"
	"featstore/extract/photo"
)

// Where the preparation comes from, in the order of who is asked first.
func TestSourcesOfPreparation(t *testing.T) {
	plain := func() *onnxtest.Model { return convModel(tensor.Float32, 3, nil, 1, 3, 8, 8) }
	speaking := plain().Meta("featstore.preprocess", "caffe").Bytes()
	for name, c := range map[string]struct {
		model      []byte
		beside     map[string]string
		list       string
		from, want string
	}{
		"asked for": {plain().Bytes(), nil, "lite", "preset lite, as asked for", "(pixel − 127) / 128, RGB"},
		"asked for, against all": {speaking, map[string]string{"net.json": `{"preprocess":{"preset":"unit"}}`}, "lite",
			"preset lite, as asked for", "(pixel − 127) / 128, RGB"},
		"manifest": {plain().Bytes(), map[string]string{"net.json": `{"preprocess":{"preset":"unit"}}`}, "",
			"preset unit, manifest net.json", "pixel / 255, RGB"},
		"manifest before metadata": {speaking, map[string]string{"net.json": `{"preprocess":{"preset":"unit"}}`}, "",
			"preset unit, manifest net.json", "pixel / 255, RGB"},
		"manifest without preparation": {speaking, map[string]string{"net.json": `{"tap":"map"}`}, "",
			"preset caffe, the model's metadata", "pixel − [103.939 116.779 123.68], BGR"},
		"metadata before others' files": {speaking, map[string]string{"preprocessor_config.json": `{"size":8,"do_normalize":false}`}, "",
			"preset caffe, the model's metadata", "pixel − [103.939 116.779 123.68], BGR"},
		"others' files": {plain().Bytes(), map[string]string{"preprocessor_config.json": `{"size":8,"do_normalize":false}`}, "",
			"preprocessor_config.json", "pixel / 255, RGB"},
		"a part asked for": {plain().Bytes(), map[string]string{"net.json": `{"preprocess":{"preset":"unit"}}`}, "order=bgr",
			"as asked for, else preset unit, manifest net.json", "pixel / 255, BGR"},
	} {
		m, err := open(t, c.model, c.beside)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		n, err := m.Network(request(t, c.list))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p := n.Info().Preprocess
		if n.Origin().From != c.from || !strings.HasSuffix(p.String(), c.want) {
			t.Errorf("%s: got %s, from %s\nwant …%s, from %s", name, p.String(), n.Origin().From, c.want, c.from)
		}
	}
}

// Without a word about photos a network is refused, with the presets that its family
// is likely to want.
func TestNothingSaid(t *testing.T) {
	small := func(variant string) []byte {
		v, err := zoo.Find(variant)
		if err != nil {
			t.Fatal(err)
		}
		return v.Small().Data
	}
	named := func(name string) []byte {
		b := convModel(tensor.Float32, 3, nil, 1, 3, 8, 8)
		b.Graph.Name = name
		return b.Bytes()
	}
	for name, c := range map[string]struct {
		model []byte
		want  string
	}{
		"PyTorch": {small("resnet50-torchscript"), "likely imagenet (exported by PyTorch)"},
		"Keras":   {small("mobilenetv1-keras"), "likely inception (exported from TensorFlow), or unit (the other usual one there)"},
		"Caffe":   {small("alexnet-caffe"), "likely caffe (exported from Caffe)"},
		"MXNet":   {small("resnet18-gluon"), "likely imagenet (exported from MXNet)"},
		"unknown": {named("main"), "likely imagenet (layout NCHW, as in PyTorch)"},
		"CLIP":    {named("clip-vit-b32-visual"), "likely clip (its name speaks of CLIP), or imagenet"},
		"Lite":    {named("efficientnet_lite4"), "likely lite (its name speaks of EfficientNet-Lite), or imagenet"},
		"inside":  {small("efficientnetb0-keras"), "likely unit (it normalises by itself, by Sub"},
		"bytes":   {convModel(tensor.Uint8, 3, nil, 1, 3, 8, 8).Bytes(), "likely raw (the input takes uint8)"},
		"NHWC":    {convModel(tensor.Float32, 3, []int{0, 3, 1, 2}, 1, 8, 8, 3).Bytes(), "likely inception (layout NHWC, as in TensorFlow), or unit"},
	} {
		_, err := mustOpen(t, c.model).Network(Manifest{})
		var unsaid *PreprocessError
		if !errors.As(err, &unsaid) || !errors.Is(err, ErrModel) {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		if !strings.HasPrefix(unsaid.Advice(), c.want) {
			t.Errorf("%s: advice %q, want %q", name, unsaid.Advice(), c.want)
		}
		for _, s := range unsaid.Likely {
			if photo.PresetAbout(s.Preset) == "" {
				t.Errorf("%s: no preset %q", name, s.Preset)
			}
		}
	}
	_, err := mustOpen(t, named("main")).Network(request(t, "order=bgr,mean=1"))
	if err == nil || !strings.Contains(err.Error(), "missing are resize, filter, std") {
		t.Errorf("in part: %v", err)
	}
}

func TestOpenModelRefuses(t *testing.T) {
	good := convModel(tensor.Float32, 3, nil, 1, 3, 8, 8).Bytes()
	for name, c := range map[string]struct {
		data   []byte
		beside map[string]string
		want   string
	}{
		"empty":          {nil, nil, "not an ONNX model: it is empty"},
		"text":           {[]byte("these are notes, not a network\n"), nil, "not an ONNX model"},
		"cut short":      {good[:len(good)-9], nil, "damaged model"},
		"a web page":     {[]byte("<!DOCTYPE html><html><body>404</body></html>"), nil, "not an ONNX model"},
		"broken JSON":    {good, map[string]string{"net.json": "{"}, "net.json: not a manifest"},
		"another's":      {good, map[string]string{"net.json": `{"sha256":"` + strings.Repeat("ab", 32) + `"}`}, "manifest net.json is for another file"},
		"Git LFS":        {[]byte("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"), nil, "not an ONNX model"},
		"wrong metadata": {convModel(tensor.Float32, 3, nil, 1, 3, 8, 8).Meta("featstore.preprocess", "nonesuch").Bytes(), nil, "no such preset"},
	} {
		_, err := open(t, c.data, c.beside)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "net.onnx") || !errors.Is(err, ErrModel) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if _, err := OpenModel(t.TempDir()); err == nil || !strings.Contains(err.Error(), "a folder") {
		t.Errorf("folder: %v", err)
	}
	if _, err := OpenModel(filepath.Join(t.TempDir(), "none.onnx")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// Weights in a file beside the model are part of the network's identity, and cannot
// come from outside its folder.
func TestExternalWeights(t *testing.T) {
	v, err := zoo.Find("resnext50-dynamo")
	if err != nil {
		t.Fatal(err)
	}
	m := v.Small()
	beside := map[string]string{}
	file := ""
	for name, data := range m.Files {
		file, beside[name] = name, string(data)
	}
	id := func(beside map[string]string) string {
		f, err := open(t, m.Data, beside)
		if err != nil {
			t.Fatal(err)
		}
		n, err := f.Network(request(t, "imagenet"))
		if err != nil {
			t.Fatal(err)
		}
		if n.Info().WeightsSHA256 == "" {
			t.Error("no digest of the weights")
		}
		return n.Info().ID
	}
	first := id(beside)
	if id(beside) != first {
		t.Error("the same files give another id")
	}
	changed := []byte(beside[file])
	changed[10] ^= 1
	if id(map[string]string{file: string(changed)}) == first {
		t.Error("other weights give the same id")
	}
	if _, err := open(t, m.Data, nil); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("weights missing: %v", err)
	}
	if _, err := open(t, m.Data, map[string]string{file: "short"}); err == nil || !strings.Contains(err.Error(), "which has 5") {
		t.Errorf("weights cut short: %v", err)
	}
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "weights")
	for path, data := range map[string][]byte{filepath.Join(dir, "net.onnx"): m.Data, outside: []byte(beside[file])} {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, file)); err != nil {
		t.Skip("no symbolic links here")
	}
	if _, err := OpenModel(filepath.Join(dir, "net.onnx")); err == nil || !strings.Contains(err.Error(), "escapes") {
		t.Errorf("weights outside: %v", err)
	}
}

// The embedded network is recognised as a file too, and is the same model.
func TestKnownNetworks(t *testing.T) {
	n, err := mustOpen(t, models.Default().ONNX).Network(Manifest{})
	if err != nil {
		t.Fatal(err)
	}
	own, err := DefaultWith(photo.Settings{}, PrecisionFloat) // a file is used as it is
	if err != nil {
		t.Fatal(err)
	}
	if n.Info() != own.Info() {
		t.Errorf("as a file: %+v\nembedded: %+v", n.Info(), own.Info())
	}
	all, err := filepath.Glob(filepath.Join(shared(t, "models"), "*.onnx"))
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	for _, path := range all {
		n, err := OpenNetwork(path, Manifest{})
		if err != nil {
			t.Error(err)
			continue
		}
		i, o := n.Info(), n.Origin()
		if i.Tap != "bottleneck" || !strings.Contains(o.From, "knows this file") {
			t.Errorf("%s: %+v %+v", path, i, o)
		}
		t.Logf("%s: %s, %d features, %s", i.ID, i.Name, i.Dim, i.Preprocess.String())
	}
}
