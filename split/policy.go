// Package split decides which images train a classifier, which tune it and which
// test it.
//
// An image's split follows from the bytes of its file alone: the SHA-256 of a
// salt and the file's digest is read as a number in [0,1), and that number is
// compared with the shares of the splits. So an image keeps its split when it is
// moved, renamed, copied or relabelled, on every machine and in every run, and two
// byte-identical files can never straddle two splits. More images may come at any
// time without moving those already there. Another salt makes another draw.
//
// The shares are kept only on average: of 1,000 images about 100 ± 19 (two
// standard deviations) land in a split of 10 %.
package split

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// A Split says what an image is used for.
type Split uint8

// The splits. Training images fit a head, validation images choose between heads
// and settings, testing images are looked at once, at the end.
const (
	Training Split = iota
	Validation
	Testing
)

// All lists the splits in their order.
var All = [...]Split{Training, Validation, Testing}

// String returns "training", "validation" or "testing", the names used as bucket
// keys in a store.
func (s Split) String() string {
	switch s {
	case Training:
		return "training"
	case Validation:
		return "validation"
	case Testing:
		return "testing"
	}
	return fmt.Sprintf("split %d", uint8(s))
}

// Parse is the inverse of String.
func Parse(name string) (Split, error) {
	for _, s := range All {
		if s.String() == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("unknown split %q: want training, validation or testing", name)
}

// MarshalText and UnmarshalText make splits readable in JSON.
func (s Split) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (s *Split) UnmarshalText(b []byte) error {
	p, err := Parse(string(b))
	if err != nil {
		return err
	}
	*s = p
	return nil
}

// A Policy is the rule that assigns splits. Validation and Testing are
// percentages of all images; the rest trains.
type Policy struct {
	Validation float64 `json:"validation" msgpack:"validation"`
	Testing    float64 `json:"testing" msgpack:"testing"`
	Salt       string  `json:"salt" msgpack:"salt"`
}

// DefaultPolicy is that of the article whose recipe featstore follows, transfer learning
// with Inception-v3 as in TensorFlow's retrain example: 80 % training, 10 % validation,
// 10 % testing.
func DefaultPolicy() Policy { return Policy{Validation: 10, Testing: 10} }

// Validate reports why the policy's shares cannot be used.
func (p Policy) Validate() error {
	if !(p.Validation >= 0 && p.Testing >= 0) {
		return fmt.Errorf("split shares must not be negative: validation %g %%, testing %g %%", p.Validation, p.Testing)
	}
	if !(p.Validation+p.Testing < 100) {
		return fmt.Errorf("validation %g %% and testing %g %% leave nothing to train on: they must add up to less than 100", p.Validation, p.Testing)
	}
	return nil
}

// Assign returns the split of the image whose file has digest d.
func (p Policy) Assign(d Digest) Split {
	x := 100 * position(p.Salt, d)
	switch {
	case x < p.Validation:
		return Validation
	case x < p.Validation+p.Testing:
		return Testing
	}
	return Training
}

// position maps SHA-256(salt ‖ digest) to [0,1): its first 53 bits, big-endian,
// over 2^53, so that every step is exact in a float64. The digest's length is
// fixed, so no two pairs of salt and digest are hashed as the same bytes.
func position(salt string, d Digest) float64 {
	h := sha256.New()
	h.Write([]byte(salt))
	h.Write(d[:])
	sum := h.Sum(nil)
	return float64(binary.BigEndian.Uint64(sum)>>11) / (1 << 53)
}
