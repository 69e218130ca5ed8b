package modelfile

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"featstore/extract/photo"
)

// A Manifest says how a network is used, as far as that is known: a file beside the
// model, flags, or the model's metadata give one each. Every field may be missing.
type Manifest struct {
	Name   string `json:"name,omitempty"`   // for people
	File   string `json:"file,omitempty"`   // the model's file, for people
	SHA256 string `json:"sha256,omitempty"` // of that file: the manifest is for no other one

	Tap    string `json:"tap,omitempty"`    // tensor to take as the bottleneck
	Pool   string `json:"pool,omitempty"`   // for a tap that is a feature map: "avg", "max" or "none"
	Layout string `json:"layout,omitempty"` // LayoutNCHW or LayoutNHWC, where the model leaves it open
	Dim    int    `json:"dim,omitempty"`    // floats of a bottleneck; checked

	Preprocess photo.Settings `json:"preprocess"`

	Precision string `json:"precision,omitempty"` // PrecisionFloat or Precision8Bit; the embedded network is had in both, others are what they are

	Licence string `json:"licence,omitempty"` // for people
	Source  string `json:"source,omitempty"`  // where the network comes from, for people

	From string `json:"-"` // who says all this, for Origin and messages; "as asked for" if empty
}

// maxManifest bounds the bytes of a JSON file that is read beside a model.
const maxManifest = 1 << 20

// ParseManifest reads a manifest. Fields that it does not know are errors: a
// misspelt one would be ignored.
func ParseManifest(data []byte) (Manifest, error) {
	var m Manifest
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("not a manifest: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Manifest{}, errors.New("not a manifest: something follows the JSON object")
	}
	return m, m.check()
}

// check refuses values that are invalid whatever the other sources say.
func (m *Manifest) check() error {
	if err := m.Preprocess.Check(); err != nil {
		return fmt.Errorf("not a manifest: %w", err)
	}
	if m.Layout != "" && m.Layout != LayoutNCHW && m.Layout != LayoutNHWC {
		return fmt.Errorf("not a manifest: layout %q: want %s or %s", m.Layout, LayoutNCHW, LayoutNHWC)
	}
	if m.Precision != "" && !slices.Contains(Precisions, m.Precision) {
		return fmt.Errorf("not a manifest: precision %q: want %s", m.Precision, strings.Join(Precisions, " or "))
	}
	return nil
}

// Encode writes the manifest as JSON for people to read.
func (m *Manifest) Encode() []byte {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil { // NaN or infinity, which nothing here lets in
		panic(err)
	}
	return append(b, '\n')
}

// Over lays m over another manifest: fields that m does not set are the other's. A
// pooling holds only for the tap that it was given with.
func (m Manifest) Over(under Manifest) Manifest {
	m.Name = cmp.Or(m.Name, under.Name)
	m.Tap = cmp.Or(m.Tap, under.Tap)
	if m.Pool == "" && m.Tap == under.Tap {
		m.Pool = under.Pool
	}
	m.Layout = cmp.Or(m.Layout, under.Layout)
	m.SHA256 = cmp.Or(m.SHA256, under.SHA256)
	if m.Tap == under.Tap && PoolName(m.Pool) == PoolName(under.Pool) {
		m.Dim = cmp.Or(m.Dim, under.Dim)
	}
	m.Precision = cmp.Or(m.Precision, under.Precision)
	m.Preprocess = m.Preprocess.Over(under.Preprocess)
	return m
}

// Set sets a field from text, as it stands on a command line: "tap", "pool",
// "layout", "precision", "name", or one of the settings of preprocessing. See Keys.
func (m *Manifest) Set(key, value string) error {
	if err := m.set(key, value); err != nil {
		return fmt.Errorf("%s=%s: %w", key, value, err)
	}
	return nil
}

func (m *Manifest) set(key, value string) error {
	if value == "" {
		return errors.New("it has no value")
	}
	switch key {
	case "name":
		m.Name = value
	case "tap":
		m.Tap = value
	case "pool":
		if !slices.Contains(pools, value) {
			return fmt.Errorf("want one of %s", strings.Join(pools, ", "))
		}
		m.Pool = value
	case "layout":
		if value != LayoutNCHW && value != LayoutNHWC {
			return fmt.Errorf("want %s or %s", LayoutNCHW, LayoutNHWC)
		}
		m.Layout = value
	case "precision":
		if !slices.Contains(Precisions, value) {
			return fmt.Errorf("want %s", strings.Join(Precisions, " or "))
		}
		m.Precision = value
	default:
		if !slices.ContainsFunc(photo.Keys(), func(k photo.Key) bool { return k.Name == key }) {
			return fmt.Errorf("there is no such setting: choose one of %s", strings.Join(keyNames(), ", "))
		}
		return m.Preprocess.Set(key, value)
	}
	return nil
}

// Precisions: what numbers a network computes with.
const (
	PrecisionFloat = "float" // float32
	Precision8Bit  = "8bit"  // 8-bit integers, where it pays
)

// Precisions are all of them.
var Precisions = []string{PrecisionFloat, Precision8Bit}

var pools = []string{"avg", "max", "none"}

// SetAll sets fields from a list such as "imagenet,size=384,mean=1,2,3". Its first
// part may be just the name of a preset. A part without "=" continues the numbers of the
// one before it.
func (m *Manifest) SetAll(list string) error {
	key, value := "", ""
	for i, part := range strings.Split(list, ",") {
		k, v, pair := strings.Cut(part, "=")
		switch {
		case pair:
			if key != "" {
				if err := m.Set(key, value); err != nil {
					return err
				}
			}
			key, value = strings.TrimSpace(k), v
		case i == 0:
			key, value = "preprocess", part
		case key == "preprocess":
			return fmt.Errorf("%q is not a setting: write name=value, such as size=224", part)
		default:
			value += "," + part
		}
	}
	return m.Set(key, value)
}

// Keys lists the settings that Set knows.
func Keys() []photo.Key {
	return append([]photo.Key{
		{Name: "name", About: "the network's name, for people"},
		{Name: "tap", About: "tensor to take as the bottleneck"},
		{Name: "pool", About: "for a tap that is a feature map: " + strings.Join(pools, ", ")},
		{Name: "layout", About: "order of the input's axes, where the model leaves it open: " + LayoutNCHW + ", " + LayoutNHWC},
		{Name: "precision", About: "numbers that the embedded network computes with: 8bit (the usual), float"},
	}, photo.Keys()...)
}

func keyNames() []string {
	var names []string
	for _, k := range Keys() {
		names = append(names, k.Name)
	}
	return names
}

// PoolName returns the pooling that a name stands for: "" is "avg".
func PoolName(pool string) string { return cmp.Or(pool, pools[0]) }
