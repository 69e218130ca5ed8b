package jpeg

import "bytes"

// lookBits is how many bits one look-up sees. Nine in ten codes of a photo and
// the value bits after them fit.
const lookBits = 10

// A huffman table decodes a code and, when it fits into lookBits too, the value
// that follows it. A look entry holds
//
//	bits  0–5   bits to consume
//	bit   6     set: only the code has been consumed; its symbol is in bits 8–15
//	bits  8–15  otherwise: coefficients to skip, endOfBlock to skip them all
//	bits 16–31  …and the value, signed
//
// With bit 6 set and no bits to consume the code is longer than lookBits.
type huffman struct {
	look [1 << lookBits]uint32

	// For longer codes (T.81 F.2.2.3): codes of length n, left-aligned in 16
	// bits, are below limit[n]; code − offset[n] indexes symbols.
	limit   [18]uint32
	offset  [17]int32
	symbols [256]byte

	skip      *skipTable // for AC, once it was needed
	skipBuilt bool       // of this table

	defined bool   // in the current file
	spec    []byte // 16 counts and the symbols the table was built from, maybe for an earlier file
	ac      bool
}

// endOfBlock is a number of coefficients to skip that leads beyond any block.
const endOfBlock = 64

const symbolOnly = 1 << 6

// define builds the table from a DHT segment's 16 counts and symbols. Files
// that use the same tables, as most do, build them once.
func (h *huffman) define(spec []byte, ac bool) error {
	h.defined = true
	if h.ac == ac && len(spec) > 16 && bytes.Equal(h.spec, spec) {
		return nil
	}
	h.spec, h.skipBuilt = h.spec[:0], false
	counts, symbols := spec[:16], spec[16:]
	copy(h.symbols[:], symbols)
	for i := range h.look {
		h.look[i] = symbolOnly
	}
	code, next := uint32(0), 0 // code: left-aligned in 16 bits
	for i, n := range counts {
		length := i + 1
		step := uint32(1) << (16 - length)
		h.offset[length] = int32(next) - int32(code>>(16-length))
		for range int(n) {
			if code+step > 1<<16 {
				return corrupt("a Huffman table has more codes than fit")
			}
			h.enter(code, length, symbols[next], ac)
			code += step
			next++
		}
		h.limit[length] = code
	}
	h.limit[17] = 1 << 17 // ends every search
	h.spec, h.ac = append(h.spec, spec...), ac
	return nil
}

// enter fills the look-up entries that begin with the code.
func (h *huffman) enter(code uint32, length int, symbol byte, ac bool) {
	if length > lookBits {
		return
	}
	first := code >> (16 - lookBits)
	run, size := uint32(symbol>>4), int(symbol&15)
	if !ac {
		run, size = 0, int(symbol)
	}
	for i := range uint32(1) << (lookBits - length) {
		e := uint32(length) | symbolOnly | uint32(symbol)<<8
		switch rest := lookBits - length - size; {
		case ac && size == 0 && run == 15:
			e = uint32(length) | 15<<8 // sixteen zeros: skip 15, then one of value 0
		case ac && size == 0:
			// End of block; in progressive scans it may mean more than one.
			if run == 0 {
				e = uint32(length) | endOfBlock<<8
			}
		case rest >= 0:
			v := extend(i>>rest&(1<<size-1), size)
			e = uint32(length+size) | run<<8 | uint32(uint16(v))<<16
		}
		h.look[first+i] = e
	}
}

// extend turns the size bits after a code into the value they stand for (T.81
// F.2.2.1): without a leading 1 they are negative.
func extend(bits uint32, size int) int32 {
	if size > 0 && bits>>(size-1) == 0 {
		return int32(bits) - 1<<size + 1
	}
	return int32(bits)
}

// long decodes a code longer than lookBits from the next 16 bits; length is 17
// if there is none.
func (h *huffman) long(next16 uint32) (symbol byte, length int) {
	length = lookBits + 1
	for next16 >= h.limit[length] {
		length++
	}
	if length > 16 {
		return 0, length
	}
	return h.symbols[byte(int32(next16>>(16-length))+h.offset[length])], length
}
