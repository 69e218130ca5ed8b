package train

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/vmihailenco/msgpack/v5"

	"featstore/store"
)

// headParams is what a head has learnt, as saved in store.Head.Params: one msgpack
// map, with the fields of its kind only.
type headParams struct {
	Layer *layerParams `msgpack:"layer,omitempty"`
}

// layerParams is a layer: logits = weights · x + bias.
type layerParams struct {
	Weights floats `msgpack:"weights"` // C×D, row-major
	Bias    floats `msgpack:"bias"`    // C
}

// floats is saved as a msgpack bin of float32s, little-endian.
type floats []float32

var (
	_ msgpack.CustomEncoder = floats(nil)
	_ msgpack.CustomDecoder = (*floats)(nil)
)

// EncodeMsgpack writes f.
func (f floats) EncodeMsgpack(enc *msgpack.Encoder) error {
	b := make([]byte, 0, 4*len(f))
	for _, v := range f {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return enc.EncodeBytes(b)
}

// DecodeMsgpack reads what EncodeMsgpack wrote and refuses NaN and infinities.
func (f *floats) DecodeMsgpack(dec *msgpack.Decoder) error {
	b, err := dec.DecodeBytes()
	if err != nil {
		return err
	}
	if len(b)%4 != 0 {
		return fmt.Errorf("%d bytes of float32", len(b))
	}
	*f = make(floats, len(b)/4)
	for i := range *f {
		v := math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("value %d is %v", i, v)
		}
		(*f)[i] = v
	}
	return nil
}

// marshalParams encodes what the head has learnt.
func (h *Head) marshalParams() ([]byte, error) {
	var p headParams
	switch c := h.classifier.(type) {
	case *layer:
		p.Layer = &layerParams{c.weights, c.bias}
	default:
		return nil, fmt.Errorf("%w: %q", ErrUnknownKind, h.Kind)
	}
	return msgpack.Marshal(p)
}

// unmarshalParams is the inverse of marshalParams, for a head whose other fields are
// set. It trusts nothing in b.
func (h *Head) unmarshalParams(b []byte) (err error) {
	var p headParams
	if err := msgpack.Unmarshal(b, &p); err != nil {
		return fmt.Errorf("%w: %w", ErrHeadCorrupt, err)
	}
	switch {
	case h.Kind == KindSoftmax && p.Layer != nil:
		h.classifier = &layer{dim: h.Dim, weights: p.Layer.Weights, bias: p.Layer.Bias}
	case h.Kind != KindSoftmax:
		return fmt.Errorf("%w: %q", ErrUnknownKind, h.Kind)
	default:
		return fmt.Errorf("%w: a head of kind %s without its parameters", ErrHeadCorrupt, h.Kind)
	}
	return h.classifier.check(len(h.Labels), h.Dim)
}

// Save puts the head into the store under a name, in place of any head of that name.
func (h *Head) Save(db *store.DB, name string) error {
	record, err := h.record(name)
	if err != nil {
		return fmt.Errorf("saving head %s: %w", name, err)
	}
	return db.Update(func(tx *store.Tx) error { return tx.PutHead(record) })
}

func (h *Head) record(name string) (store.Head, error) {
	config, err := json.Marshal(h.Config)
	if err != nil {
		return store.Head{}, err
	}
	params, err := h.marshalParams()
	if err != nil {
		return store.Head{}, err
	}
	return store.Head{
		Name: name, Kind: h.Kind, Created: h.Created, Version: h.Version,
		Models: h.Models, Labels: h.Labels, Dim: h.Dim,
		Config: string(config), Params: params, Trained: h.Trained,
		Test: store.TestAccuracy{Correct: h.Test.Correct, Total: h.Test.Total, Lo: h.Test.Low, Hi: h.Test.High},
	}, nil
}

// Load returns the head saved in the store under a name.
func Load(db *store.DB, name string) (*Head, error) {
	var h *Head
	err := db.View(func(tx *store.Tx) error {
		record, err := tx.Head(name)
		if err != nil {
			return err
		}
		h, err = FromRecord(record)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("%w: train it first", err)
	}
	return h, err
}

// FromRecord makes a head of its record in a store.
func FromRecord(r store.Head) (*Head, error) {
	h := &Head{
		Kind: r.Kind, Labels: r.Labels, Models: r.Models, Dim: r.Dim,
		Created: r.Created, Version: r.Version, Trained: r.Trained,
		Test: NewProportion(r.Test.Correct, r.Test.Total),
	}
	err := json.Unmarshal([]byte(r.Config), &h.Config)
	if err != nil {
		err = fmt.Errorf("%w: settings: %w", ErrHeadCorrupt, err)
	} else if r.Dim < 1 || len(r.Labels) < 1 {
		err = fmt.Errorf("%w: %d labels, %d features", ErrHeadCorrupt, len(r.Labels), r.Dim)
	} else {
		err = h.unmarshalParams(r.Params)
	}
	if err != nil {
		return nil, fmt.Errorf("head %s: %w", r.Name, err)
	}
	return h, nil
}
