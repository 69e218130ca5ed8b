package train

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrOtherTuning: a state to go on from is of another training, or damaged.
var ErrOtherTuning = errors.New("the checkpoint is of another training")

// A tuneHeader stands before the numbers of a state, little-endian.
type tuneHeader struct {
	Magic                            [8]byte
	Epoch, Epochs, Batch, Images     uint32
	Seed, Numbers                    uint64 // Numbers: of all weights
	Steps, Averaged                  uint32
	BestEpoch, BestCorrect, BestOf   uint32
	BestLoss, Rate, Mixup, Dropout   float64
	Smoothing, Decay, Lowest, Warmup float64
	Clip                             float64
	Moments                          uint32 // 0: of AdamW, 1: of gradient descent
	Balanced                         bool
	Hidden                           [maxHiddenLayers]uint32
}

var tuneMagic = [8]byte{'t', 'u', 'n', 'i', 'n', 'g', '0', '1'}

// header describes the state as it is now.
func (t *tuner) header() tuneHeader {
	h := tuneHeader{Magic: tuneMagic, Epoch: uint32(t.epoch), Epochs: uint32(t.cfg.Epochs), Batch: uint32(t.cfg.Batch), Images: uint32(len(t.training.Truth)),
		Seed: t.cfg.Seed, BestEpoch: uint32(t.bestAt), BestCorrect: uint32(t.bestAccuracy.Correct), BestOf: uint32(t.bestAccuracy.Total), BestLoss: t.bestLoss,
		Rate: t.cfg.Rate, Mixup: t.cfg.Mixup, Dropout: t.cfg.Dropout, Smoothing: t.cfg.Smoothing, Decay: t.cfg.Decay, Lowest: t.cfg.Lowest, Warmup: t.cfg.Warmup,
		Clip: t.cfg.Clip, Balanced: t.cfg.Balance == BalanceWeights}
	if t.cfg.Optimizer == OptimizerSGD {
		h.Moments = 1
	}
	for i, units := range t.cfg.Hidden {
		h.Hidden[i] = uint32(units)
	}
	for _, g := range t.groups {
		h.Numbers += uint64(len(g.Values))
	}
	steps, _ := t.optimizer.State()
	averaged, _ := t.average.State()
	h.Steps, h.Averaged = uint32(steps), uint32(averaged)
	return h
}

// numbers are all slices of a state: weights, moments, averages, best weights.
func (t *tuner) numbers() [][]float32 {
	var all [][]float32
	for _, g := range t.groups {
		all = append(all, g.Values)
	}
	_, moments := t.optimizer.State()
	_, averages := t.average.State()
	return append(append(append(all, moments...), averages...), t.best...)
}

// state returns all that is needed to go on.
func (t *tuner) state() ([]byte, error) {
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, t.header()); err != nil {
		return nil, err
	}
	out := b.Bytes()
	for _, values := range t.numbers() {
		for _, v := range values {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		}
	}
	return out, nil
}

// restore takes up a state. It trusts nothing of it.
func (t *tuner) restore(state []byte) error {
	var h tuneHeader
	r := bytes.NewReader(state)
	if err := binary.Read(r, binary.LittleEndian, &h); err != nil {
		return fmt.Errorf("%w: %w", ErrOtherTuning, err)
	}
	want := t.header()
	want.Epoch, want.Steps, want.Averaged, want.BestEpoch, want.BestCorrect, want.BestOf, want.BestLoss =
		h.Epoch, h.Steps, h.Averaged, h.BestEpoch, h.BestCorrect, h.BestOf, h.BestLoss
	t.best = nil
	for _, g := range t.groups {
		t.best = append(t.best, make([]float32, len(g.Values)))
	}
	all := t.numbers()
	n := 0
	for _, values := range all {
		n += len(values)
	}
	if h != want || h.Epoch > h.Epochs || h.BestEpoch > h.Epoch || h.BestCorrect > h.BestOf || r.Len() != 4*n {
		return fmt.Errorf("%w: its settings, photos or network are others", ErrOtherTuning)
	}
	rest := state[len(state)-r.Len():]
	for _, values := range all {
		for i := range values {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(rest))
			rest = rest[4:]
		}
		if !allFinite(values) {
			return fmt.Errorf("%w: it holds numbers that are not finite", ErrOtherTuning)
		}
	}
	t.epoch = int(h.Epoch)
	t.bestAt, t.bestLoss, t.bestAccuracy = int(h.BestEpoch), h.BestLoss, NewProportion(int(h.BestCorrect), int(h.BestOf))
	t.optimizer.Restore(int(h.Steps))
	t.average.Restore(int(h.Averaged))
	t.net.Update()
	return nil
}
