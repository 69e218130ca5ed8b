// Package wellformed looks through bytes before msgpack decodes them. The decoder
// recurses on nesting until the stack is exhausted, which no recover catches, and
// allocates memory for lengths that the bytes cannot hold; bytes that pass here make
// it do neither.
package wellformed

import (
	"encoding/binary"
	"errors"
)

// maxNesting is how deeply arrays and maps of a record may be nested.
const maxNesting = 32

var (
	errNesting  = errors.New("nested too deeply")
	errTooShort = errors.New("cut short")
	errTooLong  = errors.New("followed by other bytes")
)

// Check looks through the tokens of b, which must be one whole msgpack value, nested
// 32 deep at most.
func Check(b []byte) error {
	var left [maxNesting]uint64 // values still to come, per open array or map
	depth := 0
	for {
		size, children, err := token(b)
		if err != nil {
			return err
		}
		if size > uint64(len(b)) {
			return errTooShort
		}
		b = b[size:]
		if children > 0 {
			if depth == maxNesting {
				return errNesting
			}
			left[depth] = children
			depth++
			continue
		}
		for depth > 0 {
			if left[depth-1]--; left[depth-1] > 0 {
				break
			}
			depth--
		}
		if depth == 0 {
			break
		}
	}
	if len(b) > 0 {
		return errTooLong
	}
	return nil
}

// token returns the size of the first token of b, with its data, and how many
// values it announces.
func token(b []byte) (size, children uint64, err error) {
	if len(b) == 0 {
		return 0, 0, errTooShort
	}
	c := b[0]
	switch {
	case c < 0x80 || c >= 0xe0 || c >= 0xc0 && c <= 0xc3: // small integers, nil, booleans
		return 1, 0, nil
	case c < 0x90:
		return 1, 2 * uint64(c&15), nil
	case c < 0xa0:
		return 1, uint64(c & 15), nil
	case c < 0xc0:
		return 1 + uint64(c&31), 0, nil
	}
	if c >= 0xca && c <= 0xd3 { // numbers
		return 1 + [...]uint64{4, 8, 1, 2, 4, 8, 1, 2, 4, 8}[c-0xca], 0, nil
	}
	if c >= 0xd4 && c <= 0xd8 { // ext of 1 to 16 bytes
		return 2 + 1<<(c-0xd4), 0, nil
	}
	width := [...]int{1, 2, 4, 1, 2, 4}   // bin, ext
	wide := [...]int{1, 2, 4, 2, 4, 2, 4} // str, array, map
	var w int
	if c < 0xca {
		w = width[c-0xc4]
	} else {
		w = wide[c-0xd9]
	}
	if len(b) < 1+w {
		return 0, 0, errTooShort
	}
	var buf [8]byte
	copy(buf[8-w:], b[1:1+w])
	n, head := binary.BigEndian.Uint64(buf[:]), uint64(1+w)
	switch {
	case c >= 0xde:
		return head, 2 * n, nil
	case c >= 0xdc:
		return head, n, nil
	case c >= 0xc7 && c <= 0xc9:
		return head + 1 + n, 0, nil
	}
	return head + n, 0, nil
}
