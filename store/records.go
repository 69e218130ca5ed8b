package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"featstore/split"
	"featstore/store/wellformed"
)

// A RootID names a photo folder within a store, whatever path it has.
type RootID uint64

// A Root is a photo folder that was ingested.
type Root struct {
	ID   RootID    `msgpack:"-"`
	Path string    `msgpack:"path"` // absolute, as last seen
	Name string    `msgpack:"name"` // for people
	Seen time.Time `msgpack:"seen"` // when it was last ingested

	Layout Layout `msgpack:"layout,omitempty"` // what its folders mean

	// Labels says what gives its photos their labels; nil for the names of its folders.
	Labels *LabelSource `msgpack:"labels,omitempty"`
}

// A Layout says how a photo folder is arranged.
type Layout string

// The layouts.
const (
	// ByLabel: the first folder is the label.
	ByLabel Layout = ""

	// BySplit: folders named after splits say which split a photo is in, the ones
	// above or below them are the labels. See split.ByFolder.
	BySplit Layout = "splits"

	// BesideSplit: likewise, but the splits are not honoured: only the labels are.
	BesideSplit Layout = "splits ignored"
)

// An Image is what the store knows of one file. Size and MTime tell whether the
// file must be read again.
type Image struct {
	Digest split.Digest // of the file's bytes
	Size   int64        // in bytes
	MTime  int64        // nanoseconds since 1970, as the file system reports it
	Label  string
}

// A Failure is a file that could not be used, and why.
type Failure struct {
	Reason string    `msgpack:"reason"`
	Size   int64     `msgpack:"size"`
	MTime  int64     `msgpack:"mtime"` // nanoseconds since 1970
	When   time.Time `msgpack:"when"`
}

// A Model describes how vectors were computed: a network, the tensor tapped and
// the preprocessing of pixels. Its ID changes whenever any of them does.
type Model struct {
	ID         string    `msgpack:"-"`
	Name       string    `msgpack:"name"`
	FileSHA256 string    `msgpack:"file_sha256"`
	Tap        string    `msgpack:"tap"`
	Pool       string    `msgpack:"pool,omitempty"` // of a tap that is a feature map: avg (or empty), max, none
	Dim        int       `msgpack:"dim"`            // floats in a vector
	Preprocess string    `msgpack:"preprocess"`     // canonical JSON
	Engine     int       `msgpack:"engine"`         // revision of the engine
	Added      time.Time `msgpack:"added"`

	// WeightsSHA256 and Layout belong to the identity of networks that have them: the
	// digest of weights in files beside the model, and a layout that the model leaves open.
	WeightsSHA256 string `msgpack:"weights_sha256,omitempty"`
	Layout        string `msgpack:"layout,omitempty"`
	// Precision is what numbers the network computes with: "float" or "8bit", as package
	// extract names them; empty in records of earlier versions. The embedded network is
	// had in both, and in float where it is empty.
	Precision string `msgpack:"precision,omitempty"`
	// Path is where the model's file was last seen, empty for the embedded network.
	Path string `msgpack:"path,omitempty"`

	// Network is how many bytes the network has that the store keeps for it, 0 for
	// none: see Tx.PutNetwork, which sets it.
	Network int64 `msgpack:"network,omitempty"`
	// Views says which views of training photos there are: see Tx.SetViews, which sets it.
	Views *Views `msgpack:"views,omitempty"`
	// Tuned says where a network comes from that was trained on photos of the store.
	Tuned *Tuned `msgpack:"tuned,omitempty"`
	// Replaced is the id of the model that has taken this one's place, which stays as long
	// as heads need it: see Tx.ReplaceModel.
	Replaced string `msgpack:"replaced,omitempty"`
	// Imported says where vectors come from that another program computed: there is no
	// network then.
	Imported *Imported `msgpack:"imported,omitempty"`
}

// Imported says where vectors come from that another program computed.
type Imported struct {
	From string `msgpack:"from"` // absolute path of the file or folder, as last seen
}

// Tuned says what a network was trained from, and on which photos.
type Tuned struct {
	From        string `msgpack:"from"`        // id of the model whose network it was before
	Cut         string `msgpack:"cut"`         // tensor above which it was trained
	Fingerprint []byte `msgpack:"fingerprint"` // of the training split: see Index.Fingerprint

	// At is the id of that model's network as it was trained, where it differs from the
	// model's own: at another size, or in float instead of 8-bit numbers.
	At string `msgpack:"at,omitempty"`

	// Unfinished is the name of the head that the network was trained for, as long as that is
	// not saved: later only where the run was interrupted in between.
	Unfinished string `msgpack:"unfinished,omitempty"`
}

// A Head is a trained classifier together with all that is needed to use it and to
// know what it was trained on.
type Head struct {
	Name    string       `msgpack:"-"`
	Kind    string       `msgpack:"kind"` // softmax, logistic …
	Created time.Time    `msgpack:"created"`
	Version string       `msgpack:"version"` // of featstore
	Models  []string     `msgpack:"models"`  // ids, in the order their vectors are concatenated
	Labels  []string     `msgpack:"labels"`  // in the order of the outputs
	Dim     int          `msgpack:"dim"`     // inputs: the sum of the models' dimensions
	Config  string       `msgpack:"config"`  // JSON: the settings it was trained with
	Params  []byte       `msgpack:"params"`  // weights and the like, by Kind
	Trained TrainedOn    `msgpack:"trained"`
	Test    TestAccuracy `msgpack:"test"`
}

// TrainedOn says which images a head has seen.
type TrainedOn struct {
	Policy      split.Policy `msgpack:"policy"`
	Counts      [][3]int     `msgpack:"counts"`      // per label of the head: training, validation, testing images
	Fingerprint []byte       `msgpack:"fingerprint"` // of the training split: see Index.Fingerprint
	Fixed       int          `msgpack:"fixed"`       // images of Counts whose split was set by hand

	Views   int    `msgpack:"views,omitempty"`   // views of the training images that were trained on too
	Augment string `msgpack:"augment,omitempty"` // how they were made: see Views
}

// TestAccuracy is a head's result on the testing split. Total 0 means it was not
// tested. Lo and Hi bound the accuracy with 95 % confidence.
type TestAccuracy struct {
	Correct int     `msgpack:"correct"`
	Total   int     `msgpack:"total"`
	Lo      float64 `msgpack:"lo"`
	Hi      float64 `msgpack:"hi"`
}

// Accuracy returns Correct ÷ Total, 0 if untested.
func (t TestAccuracy) Accuracy() float64 {
	if t.Total == 0 {
		return 0
	}
	return float64(t.Correct) / float64(t.Total)
}

// imageRecord is an Image as stored: split.Digest would be written as text.
type imageRecord struct {
	Digest []byte `msgpack:"digest"`
	Size   int64  `msgpack:"size"`
	MTime  int64  `msgpack:"mtime"`
	Label  string `msgpack:"label"`
}

func recordOf(m Image) imageRecord { return imageRecord{m.Digest[:], m.Size, m.MTime, m.Label} }

func (r imageRecord) image() (Image, error) {
	if len(r.Digest) != len(split.Digest{}) {
		return Image{}, fmt.Errorf("%w: digest of %d bytes in an image's record", ErrCorrupt, len(r.Digest))
	}
	return Image{split.Digest(r.Digest), r.Size, r.MTime, r.Label}, nil
}

// The bytes of an imageRecord before each of its values, as encode writes them: names of
// fields, and the types of the values.
var (
	beforeDigest = []byte("\x84\xa6digest\xc4\x20")
	beforeSize   = []byte("\xa4size\xd3")
	beforeMTime  = []byte("\xa5mtime\xd3")
	beforeLabel  = []byte("\xa5label")
)

// decodeImageRecord is decode for an Image. Ingest reads the records of all images, so what
// encode wrote is read without the decoder, in a tenth of the time.
func decodeImageRecord(b []byte) (Image, error) {
	var m Image
	rest := b
	next := func(before []byte, size int) (value []byte) {
		if len(rest) < len(before)+size || !bytes.Equal(rest[:len(before)], before) {
			rest = nil
			return make([]byte, size)
		}
		value, rest = rest[len(before):len(before)+size], rest[len(before)+size:]
		return value
	}
	copy(m.Digest[:], next(beforeDigest, len(m.Digest)))
	m.Size = int64(binary.BigEndian.Uint64(next(beforeSize, 8)))
	m.MTime = int64(binary.BigEndian.Uint64(next(beforeMTime, 8)))
	next(beforeLabel, 0)
	if label, ok := shortString(rest); ok {
		m.Label = label
		return m, nil
	}
	var r imageRecord
	if err := decode(b, &r); err != nil {
		return Image{}, err
	}
	return r.image()
}

// shortString decodes a msgpack string of less than 32 bytes, all of b.
func shortString(b []byte) (string, bool) {
	if len(b) > 0 && b[0]&0xe0 == 0xa0 && len(b) == 1+int(b[0]&0x1f) {
		return string(b[1:]), true
	}
	return "", false
}

func encode(v any) ([]byte, error) {
	b, err := msgpack.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding a record: %w", err)
	}
	return b, nil
}

// decode reads one msgpack value that fills b. Unknown fields are skipped, so that
// later versions may add some.
func decode(b []byte, v any) (err error) {
	defer func() {
		if r := recover(); r != nil { // msgpack panics on a nil where a struct is due
			err = fmt.Errorf("%w: unreadable record: %v", ErrCorrupt, r)
		}
	}()
	if err := wellformed.Check(b); err != nil {
		return fmt.Errorf("%w: unreadable record: %w", ErrCorrupt, err)
	}
	if err := msgpack.NewDecoder(bytes.NewReader(b)).Decode(v); err != nil {
		return fmt.Errorf("%w: unreadable record: %w", ErrCorrupt, err)
	}
	return nil
}
