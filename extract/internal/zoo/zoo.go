// Package zoo makes the networks that people bring, as ONNX files.
//
// Every family of image classifiers has its topology here, written the way one or
// several exporters write it: as TorchScript's exporter does, with shape arithmetic
// and constants as nodes, as its successor does with initializers and the newer
// operators, as the converters from TensorFlow, Keras and TFLite do. The weights are
// random but seeded and scaled so that a signal passes through any depth; a network
// classifies nothing, but costs what the trained one costs.
//
// A [Variant] is one topology from one exporter. Variant.Small makes it narrow,
// shallow and for small images, for tests; Variant.Full as it was published, for
// benchmarks; Variant.Build as a [Config] says. Only tests, benchmarks and the
// command zoo-write use the package.
package zoo

import (
	"fmt"
	"io/fs"
	"slices"
	"testing/fstest"
)

// A Config says how large to make a network.
type Config struct {
	Size    int     // height and width of the image, in pixels; 0 for the published size
	Width   float64 // factor on the number of channels; 0 for 1
	Repeat  int     // most blocks of one stage; 0 for as many as published
	Classes int     // 0 for 1000
	// NameTap calls the bottleneck "bottleneck" and makes it an output of the model.
	NameTap bool
}

// A Model is an ONNX model with what there is to know about it.
type Model struct {
	Name    string            // of the variant
	Data    []byte            // the ONNX file
	Files   map[string][]byte // files beside it that hold its weights, by name
	Input   string            // name of the input
	Shape   []int             // of the input with a batch of one, as the model declares it: N×C×H×W or N×H×W×C
	Scores  string            // name of the class scores, or probabilities
	Tap     string            // name of the bottleneck that is to be found
	Quantum float64           // the largest step between neighbouring values of a quantised tap or score, 0 for others
}

// FS returns the files beside the model.
func (m *Model) FS() fs.FS {
	files := fstest.MapFS{}
	for name, data := range m.Files {
		files[name] = &fstest.MapFile{Data: data}
	}
	return files
}

// A Variant is the topology of a family as one exporter writes it.
type Variant struct {
	Name   string // topology-exporter, as "resnet50-torchscript"
	Family string // as "ResNet"
	About  string // what is special about the file
	size   int    // published size of the image
	small  Config
	style  style
	build  func(b *builder)
}

// Variants returns the table of all networks, by family.
func Variants() []Variant { return slices.Clone(table) }

// Find returns the variant of a name.
func Find(name string) (Variant, error) {
	for _, v := range table {
		if v.Name == name {
			return v, nil
		}
	}
	return Variant{}, fmt.Errorf("zoo: no network %q", name)
}

// Full makes the network as it was published, its bottleneck among the outputs.
func (v Variant) Full() *Model { return v.Build(Config{NameTap: true}) }

// Small makes the network narrow, shallow and for small images.
func (v Variant) Small() *Model { return v.Build(v.SmallConfig()) }

// SmallConfig is what Small makes.
func (v Variant) SmallConfig() Config {
	c := v.small
	if c.Size == 0 {
		c.Size = 64
	}
	if c.Width == 0 {
		c.Width = 0.25
	}
	if c.Repeat == 0 {
		c.Repeat = 2
	}
	c.Classes = 10
	return c
}

// Build makes the network as large as c says.
func (v Variant) Build(c Config) *Model {
	if c.Size == 0 {
		c.Size = v.size
	}
	if c.Width == 0 {
		c.Width = 1
	}
	if c.Classes == 0 {
		c.Classes = 1000
	}
	b := newBuilder(c, v.style)
	b.model.Name = v.Name
	v.build(b)
	return b.finish()
}
