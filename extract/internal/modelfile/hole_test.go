package modelfile

import (
	"bytes"
	"testing"
)

// zerosBut is a file of zeros but for some bytes.
type zerosBut map[int64]byte

func (z zerosBut) ReadAt(p []byte, at int64) (int, error) {
	clear(p)
	for k, v := range z {
		if at <= k && k < at+int64(len(p)) {
			p[k-at] = v
		}
	}
	return len(p), nil
}

func TestFindHole(t *testing.T) {
	dense := zerosBut{}
	for at := int64(0); at < 1<<31; at += sampleEvery * (holeSamples - 1) {
		dense[at+100] = 1
	}
	for name, c := range map[string]struct {
		file zerosBut
		size int64
		hole bool
	}{
		"zeros":             {zerosBut{}, 1 << 31, true},
		"a start only":      {zerosBut{0: 8}, 1 << 31, true},
		"a start and end":   {zerosBut{0: 8, 1<<31 - 1: 1}, 1 << 31, true},
		"small":             {zerosBut{0: 8}, 120 << 20, false},
		"something between": {dense, 1 << 31, false},
	} {
		if err := findHole(c.file, c.size); (err != nil) != c.hole {
			t.Errorf("%s: %v, want a hole: %v", name, err, c.hole)
		}
	}
	if err := findHole(bytes.NewReader(nil), 0); err != nil {
		t.Error(err)
	}
}
