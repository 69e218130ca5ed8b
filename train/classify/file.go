package classify

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"featstore/extract"
	"featstore/extract/photo"
	"featstore/train"
)

// Keys of an exported model's metadata.
const (
	keyLabels      = "featstore.labels"
	keyDescription = "featstore.classifier"
	keyHead        = "featstore.head"
)

// fileFormat is Description.Format. Whoever changes what a reader must know counts it up.
const fileFormat = 1

// Reasons why a file cannot be used. The errors that wrap them say what to do.
var (
	ErrNotExported = errors.New("not a classifier that featstore has exported")
	ErrNewerFile   = errors.New("it was written by a newer version of featstore")
)

// A Description is what an exported model says of itself, as JSON in its metadata.
type Description struct {
	Format      int               `json:"format"`
	Version     string            `json:"version,omitempty"` // of featstore
	Kind        string            `json:"kind"`
	Created     time.Time         `json:"created"` // when the head was trained
	Labels      []string          `json:"labels"`
	Networks    []NetworkOfFile   `json:"networks"`
	Temperature float64           `json:"temperature"`
	Reject      *train.Rejection  `json:"reject,omitempty"` // when a photo is none of the labels
	Test        *train.Proportion `json:"test,omitempty"`   // its result on the testing split
	Images      []int             `json:"images"`           // of each label that it was trained on
	Input       string            `json:"input"`            // input or pixels
}

// A NetworkOfFile is one of the networks in an exported model.
type NetworkOfFile struct {
	ID         string           `json:"id"`
	Name       string           `json:"name"`
	Input      string           `json:"input"`      // tensor of prepared pixels
	Bottleneck string           `json:"bottleneck"` // tensor, N×Dim
	Dim        int              `json:"dim"`
	Layout     string           `json:"layout"` // nchw or nhwc
	Preprocess photo.Preprocess `json:"preprocess"`
}

// Export returns the classifier as one ONNX model, see the package comment. The same
// classifier gives the same bytes.
func (c *Classifier) Export(opt ExportOptions) ([]byte, error) {
	g, err := c.described(opt)
	if err != nil {
		return nil, err
	}
	return g.Model()
}

// described returns the model with its metadata.
func (c *Classifier) described(opt ExportOptions) (*extract.Composition, error) {
	g, inputs, bottlenecks, err := c.compose(opt)
	if err != nil {
		return nil, err
	}
	h := c.head
	d := Description{Format: fileFormat, Version: h.Version, Kind: h.Kind, Created: h.Created.UTC(), Labels: h.Labels,
		Temperature: h.Temperature, Input: InputPrepared}
	if opt.Pixels {
		d.Input = InputPixels
	}
	if h.CanReject() {
		d.Reject = &h.Reject
	}
	if h.Test.Total > 0 {
		d.Test = &h.Test
	}
	for _, n := range h.Trained.Counts {
		d.Images = append(d.Images, n[0])
	}
	for i, n := range c.networks {
		info := n.Info()
		d.Networks = append(d.Networks, NetworkOfFile{info.ID, info.Name, inputs[i], bottlenecks[i], info.Dim, n.Origin().Layout, info.Preprocess})
	}
	head, err := h.Marshal()
	if err != nil {
		return nil, err
	}
	g.Describe(keyHead, base64.StdEncoding.EncodeToString(head))
	for key, v := range map[string]any{keyLabels: h.Labels, keyDescription: d} {
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		g.Describe(key, string(text))
	}
	return g, nil
}

// Describe returns what an exported file says of itself. Errors are those of OpenFile.
func Describe(path string) (Description, error) {
	m, err := extract.ModelLimits{}.OpenComposition(path)
	if err != nil {
		return Description{}, err
	}
	d, err := describe(m)
	if err != nil {
		return d, fmt.Errorf("classifier %s: %w", path, err)
	}
	return d, nil
}

// OpenFile returns the classifier that a file holds, written by Export. Errors that are the
// file's fault wrap extract.ErrModel, ErrNotExported or ErrNewerFile, or are those of package
// fs and of package train for a damaged head.
func OpenFile(path string, opt Options) (*Classifier, error) {
	m, err := opt.Limits.OpenComposition(path)
	if err != nil {
		return nil, err
	}
	c, err := fromFile(m, opt)
	if err != nil {
		return nil, fmt.Errorf("classifier %s: %w", path, err)
	}
	return c, nil
}

// Read is OpenFile for the bytes of a file.
func Read(data []byte, opt Options) (*Classifier, error) {
	m, err := opt.Limits.ReadComposition(data)
	if err != nil {
		return nil, err
	}
	return fromFile(m, opt)
}

// describe returns what a file says of itself.
func describe(m *extract.ComposedModel) (d Description, err error) {
	text := m.Metadata()[keyDescription]
	if text == "" {
		return d, ErrNotExported
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return d, fmt.Errorf("%w: its description: %w", ErrNotExported, err)
	}
	if d.Format > fileFormat {
		return d, fmt.Errorf("%w: format %d, this version reads up to %d", ErrNewerFile, d.Format, fileFormat)
	}
	return d, nil
}

func fromFile(m *extract.ComposedModel, opt Options) (*Classifier, error) {
	d, err := describe(m)
	if err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.DecodeString(m.Metadata()[keyHead])
	if err != nil {
		return nil, fmt.Errorf("%w: its head: %w", train.ErrHeadCorrupt, err)
	}
	head, err := train.Unmarshal(data)
	if err != nil {
		return nil, err
	}
	var networks []*extract.Network
	for _, n := range d.Networks {
		network, err := m.Network(n.Input, n.Bottleneck, extract.Manifest{Name: n.Name, Layout: n.Layout, Dim: n.Dim, Preprocess: photo.SettingsOf(n.Preprocess),
			From: "as the classifier's file says"})
		if err != nil {
			return nil, err
		}
		networks = append(networks, network)
	}
	return New(head, networks, opt)
}
