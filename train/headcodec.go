package train

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/vmihailenco/msgpack/v5"

	"featstore/store"
	"featstore/store/wellformed"
)

// headParams is what a head has learnt, as saved in store.Head.Params: one msgpack
// map, with the classifier of its kind only.
type headParams struct {
	Scaling     scaling      `msgpack:"scaling"`
	Temperature float64      `msgpack:"temperature"`
	Shift       doubles      `msgpack:"shift"` // C, or none
	Reject      Rejection    `msgpack:"reject"`
	Layer       *layerParams `msgpack:"layer,omitempty"`
	Bayes       *bayesParams `msgpack:"bayes,omitempty"`
	KNN         *knnParams   `msgpack:"knn,omitempty"`
	MLP         *mlpParams   `msgpack:"mlp,omitempty"`
	Prototypes  floats       `msgpack:"prototypes,omitempty"` // P×D, row-major
}

// layerParams is a layer: scores = weights · x + bias.
type layerParams struct {
	Weights floats `msgpack:"weights"` // C×D, row-major
	Bias    floats `msgpack:"bias"`    // C
}

// bayesParams is a bayes: scores = constant − ½ Σ (x−mean)²·inverse.
type bayesParams struct {
	Mean     doubles `msgpack:"mean"`     // C×D, row-major
	Inverse  doubles `msgpack:"inverse"`  // C×D: 1/variance
	Constant doubles `msgpack:"constant"` // C
}

// knnParams is a knn.
type knnParams struct {
	K     int    `msgpack:"k"`
	Rows  floats `msgpack:"rows"`  // N×D, row-major, each of length 1
	Truth []int  `msgpack:"truth"` // N: indexes of labels
}

// mlpParams is an mlp. Form is mlpForm: whoever adds to it what changes the scores
// counts it up, so that older programs refuse it.
type mlpParams struct {
	Form    int    `msgpack:"form"`
	Hidden  []int  `msgpack:"hidden"`  // units of each hidden layer, from the features on
	Weights floats `msgpack:"weights"` // of all layers: units × inputs each, row-major
	Biases  floats `msgpack:"biases"`  // of all layers
}

// mlpForm: fully connected layers with rectifiers between.
const mlpForm = 1

// marshalParams encodes what the head has learnt.
func (h *Head) marshalParams() ([]byte, error) {
	p := headParams{Scaling: *h.scaling, Temperature: h.Temperature, Shift: h.Shift, Reject: h.Reject}
	if h.prototypes != nil {
		p.Prototypes = h.prototypes.rows
	}
	switch c := h.classifier.(type) {
	case *layer:
		p.Layer = &layerParams{c.weights, c.bias}
	case *bayes:
		p.Bayes = &bayesParams{c.mean, c.inverse, c.constant}
	case *mlp:
		p.MLP = c.params()
	case *knn:
		p.KNN = &knnParams{c.k, c.all, c.truth}
	default:
		return nil, fmt.Errorf("%w: %q", ErrUnknownKind, h.Kind)
	}
	return msgpack.Marshal(p)
}

// unmarshalParams is the inverse of marshalParams, for a head whose other fields are
// set. It trusts nothing in b.
func (h *Head) unmarshalParams(b []byte) (err error) {
	var p headParams
	if err := wellformed.Check(b); err != nil {
		return fmt.Errorf("%w: %w", ErrHeadCorrupt, err)
	}
	if err := msgpack.Unmarshal(b, &p); err != nil {
		return fmt.Errorf("%w: %w", ErrHeadCorrupt, err)
	}
	h.scaling, h.Temperature, h.Reject, h.Shift = &p.Scaling, p.Temperature, p.Reject, p.Shift
	if len(h.Shift) == 0 {
		h.Shift = nil
	}
	if len(p.Prototypes) > 0 {
		h.prototypes = &prototypes{blocks: p.Scaling.Blocks, rows: p.Prototypes}
	}
	if err := h.checkCalibration(); err != nil {
		return err
	}
	if err := h.checkRejection(); err != nil {
		return err
	}
	switch h.Kind {
	case KindSoftmax, KindLogistic, KindSVM, KindLDA, KindCentroid:
		if p.Layer != nil {
			h.classifier = &layer{dim: h.Dim, weights: p.Layer.Weights, bias: p.Layer.Bias}
		}
	case KindBayes:
		if p.Bayes != nil {
			h.classifier = &bayes{d: h.Dim, mean: p.Bayes.Mean, inverse: p.Bayes.Inverse, constant: p.Bayes.Constant}
		}
	case KindKNN:
		if p.KNN != nil {
			h.classifier = p.KNN.classifier(len(h.Labels), h.Dim)
		}
	case KindMLP:
		if p.MLP != nil {
			if h.classifier, err = p.MLP.classifier(len(h.Labels), h.Dim); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("%w: %q", ErrUnknownKind, h.Kind)
	}
	if h.classifier == nil {
		return fmt.Errorf("%w: a %s head without its parameters", ErrHeadCorrupt, h.Kind)
	}
	return h.classifier.check(len(h.Labels), h.Dim)
}

// widestTemperature is beyond what fitTemperature looks at.
const widestTemperature = 1e4

// checkCalibration reports fields that would give no probabilities.
func (h *Head) checkCalibration() error {
	if !(h.Temperature >= 1/widestTemperature && h.Temperature <= widestTemperature) {
		return fmt.Errorf("%w: temperature %v", ErrHeadCorrupt, h.Temperature)
	}
	if h.Shift != nil && len(h.Shift) != len(h.Labels) {
		return fmt.Errorf("%w: %d shifts for %d labels", ErrHeadCorrupt, len(h.Shift), len(h.Labels))
	}
	return h.scaling.check(h.Dim)
}

func (p *knnParams) classifier(labels, dim int) *knn {
	c := &knn{k: p.K, d: dim, labels: labels, all: p.Rows, truth: p.Truth}
	for i := 0; i+dim <= len(p.Rows); i += dim {
		c.rows = append(c.rows, p.Rows[i:i+dim])
	}
	return c
}

func (m *mlp) params() *mlpParams {
	p := &mlpParams{Form: mlpForm}
	for i, l := range m.layers {
		if i < len(m.layers)-1 {
			p.Hidden = append(p.Hidden, len(l.bias))
		}
		p.Weights, p.Biases = append(p.Weights, l.weights...), append(p.Biases, l.bias...)
	}
	return p
}

// classifier cuts the parameters into layers. Sizes are compared with what is there before
// anything is made of them.
func (p *mlpParams) classifier(labels, dim int) (*mlp, error) {
	if p.Form != mlpForm {
		return nil, fmt.Errorf("%s head of form %d: %w", KindMLP, p.Form, store.ErrNewer)
	}
	if err := validateHidden(p.Hidden); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHeadCorrupt, err)
	}
	m, weights, biases := &mlp{}, p.Weights, p.Biases
	for _, n := range append(slices.Clone(p.Hidden), labels) {
		if len(biases) < n || len(weights)/dim < n {
			return nil, corruptSize(KindMLP, labels, dim)
		}
		m.layers = append(m.layers, layer{dim: dim, weights: weights[:n*dim], bias: biases[:n]})
		weights, biases, dim = weights[n*dim:], biases[n:], n
	}
	if len(weights) > 0 || len(biases) > 0 {
		return nil, corruptSize(KindMLP, labels, dim)
	}
	return m, nil
}

// Save puts the head into the store under a name, in place of any head of that name.
func (h *Head) Save(db *store.DB, name string) error {
	return db.Update(func(tx *store.Tx) error { return h.Put(tx, name) })
}

// Put is Save as part of a transaction.
func (h *Head) Put(tx *store.Tx, name string) error {
	record, err := h.record(name)
	if err != nil {
		return fmt.Errorf("saving head %s: %w", name, err)
	}
	return tx.PutHead(record)
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

// Marshal returns the head as bytes, to keep it elsewhere than in a store. Unmarshal reads
// them.
func (h *Head) Marshal() ([]byte, error) {
	r, err := h.record("")
	if err != nil {
		return nil, err
	}
	return msgpack.Marshal(r)
}

// Unmarshal reads what Marshal wrote. It trusts nothing in data; errors wrap ErrHeadCorrupt,
// ErrUnknownKind or store.ErrNewer.
func Unmarshal(data []byte) (*Head, error) {
	if err := wellformed.Check(data); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHeadCorrupt, err)
	}
	var r store.Head
	if err := msgpack.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHeadCorrupt, err)
	}
	return FromRecord(r)
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

// floats is saved as a msgpack bin of float32s, little-endian; doubles of float64s.
type (
	floats  []float32
	doubles []float64
)

var (
	_ msgpack.CustomEncoder = floats(nil)
	_ msgpack.CustomDecoder = (*floats)(nil)
	_ msgpack.CustomEncoder = doubles(nil)
	_ msgpack.CustomDecoder = (*doubles)(nil)
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
	b, err := decodeBin(dec, 4)
	if err != nil {
		return err
	}
	*f = make(floats, len(b)/4)
	for i := range *f {
		(*f)[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		if err := finite(i, float64((*f)[i])); err != nil {
			return err
		}
	}
	return nil
}

// EncodeMsgpack writes f.
func (f doubles) EncodeMsgpack(enc *msgpack.Encoder) error {
	b := make([]byte, 0, 8*len(f))
	for _, v := range f {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return enc.EncodeBytes(b)
}

// DecodeMsgpack reads what EncodeMsgpack wrote and refuses NaN and infinities.
func (f *doubles) DecodeMsgpack(dec *msgpack.Decoder) error {
	b, err := decodeBin(dec, 8)
	if err != nil {
		return err
	}
	*f = make(doubles, len(b)/8)
	for i := range *f {
		(*f)[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		if err := finite(i, (*f)[i]); err != nil {
			return err
		}
	}
	return nil
}

// decodeBin reads bytes that are numbers of so many bytes.
func decodeBin(dec *msgpack.Decoder, size int) ([]byte, error) {
	b, err := dec.DecodeBytes()
	if err == nil && len(b)%size != 0 {
		err = fmt.Errorf("%d bytes are not numbers of %d", len(b), size)
	}
	return b, err
}

func finite(i int, v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("value %d is %v", i, v)
	}
	return nil
}
