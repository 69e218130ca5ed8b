package cutcache

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"featstore/split"
)

const (
	segmentSize = 16 << 20 // bytes of a segment
	headerSize  = 4096     // of them, its header
	entrySize   = 48       // bytes of an entry in a segment's table
	align       = 64       // of the first entry's activations, and of all others
	maxNames    = headerSize - headerFixed - 4
	headerFixed = 32
)

// magic begins each segment. Its last byte is the version of the layout: a segment of
// another one counts as free.
var magic = []byte("featstore.cut\x00\x00\x01")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A set is what all entries of a segment have in common.
type set struct {
	model, cut string
	values     int // activations of an entry
}

// seed is where the checksums of the set's entries begin, so that an entry of another set
// never fits.
func (s set) seed() uint32 {
	b := binary.LittleEndian.AppendUint32(nil, uint32(s.values))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.model)))
	return crc32.Checksum(append(append(b, s.model...), s.cut...), castagnoli)
}

// A view is a photo as the network saw it.
type view struct {
	photo  split.Digest
	number uint32
}

// An entry is what a segment's table knows of a slot.
type entry struct {
	view
	shift uint32 // see encode
	sum   uint32 // of its activations
	full  bool   // there is an entry
	used  bool   // in use since Open: not to be evicted
	sound bool   // put or got since Open: its activations are as they should be
}

// A segment is a fixed share of the file, which holds entries of one set.
type segment struct {
	set
	age     uint64 // a segment taken later has a larger one; 0 for a free segment
	sum     uint32 // set.seed
	entries []entry
}

// A layout says where in a segment of a set things lie.
type layout struct {
	slots int   // entries that fit
	data  int64 // offset of the first one's activations
	size  int64 // from one's activations to the next
}

func (c *Cache) layoutOf(s set) layout {
	if s.values <= 0 || len(s.model)+len(s.cut) > maxNames {
		return layout{} // nothing fits
	}
	l := layout{size: roundUp(2*int64(s.values), align)}
	for l.slots = int((c.segmentSize - headerSize) / (l.size + entrySize)); l.slots > 0; l.slots-- {
		l.data = roundUp(headerSize+int64(l.slots)*entrySize, align)
		if l.data+int64(l.slots)*l.size <= c.segmentSize {
			break
		}
	}
	return l
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }

// marshal returns the segment's header.
func (s *segment) marshal() []byte {
	b := make([]byte, headerSize)
	copy(b, magic)
	binary.LittleEndian.PutUint64(b[16:], s.age)
	binary.LittleEndian.PutUint32(b[24:], uint32(s.values))
	binary.LittleEndian.PutUint16(b[28:], uint16(len(s.model)))
	binary.LittleEndian.PutUint16(b[30:], uint16(len(s.cut)))
	copy(b[headerFixed:], s.model+s.cut)
	binary.LittleEndian.PutUint32(b[headerSize-4:], crc32.Checksum(b[:headerSize-4], castagnoli))
	return b
}

// unmarshal takes up a header, and reports whether it is one, undamaged.
func (s *segment) unmarshal(b []byte) bool {
	if len(b) != headerSize || !bytes.Equal(b[:len(magic)], magic) ||
		binary.LittleEndian.Uint32(b[headerSize-4:]) != crc32.Checksum(b[:headerSize-4], castagnoli) {
		return false
	}
	model, cut := int(binary.LittleEndian.Uint16(b[28:])), int(binary.LittleEndian.Uint16(b[30:]))
	if model+cut > maxNames {
		return false
	}
	s.age = binary.LittleEndian.Uint64(b[16:])
	names := string(b[headerFixed : headerFixed+model+cut])
	s.set = set{names[:model], names[model:], int(binary.LittleEndian.Uint32(b[24:]))}
	return s.age > 0
}

// marshalEntry returns an entry as the table of a segment holds it.
func marshalEntry(seed uint32, e entry) []byte {
	b := make([]byte, 0, entrySize)
	b = append(b, e.photo[:]...)
	b = binary.LittleEndian.AppendUint32(b, e.number)
	b = binary.LittleEndian.AppendUint32(b, e.shift)
	b = binary.LittleEndian.AppendUint32(b, e.sum)
	return binary.LittleEndian.AppendUint32(b, crc32.Update(seed, castagnoli, b))
}

// unmarshalEntry reports with full whether there is an entry, undamaged.
func unmarshalEntry(seed uint32, b []byte) (e entry) {
	copy(e.photo[:], b)
	e.number, e.shift, e.sum = binary.LittleEndian.Uint32(b[32:]), binary.LittleEndian.Uint32(b[36:]), binary.LittleEndian.Uint32(b[40:])
	e.full = binary.LittleEndian.Uint32(b[44:]) == crc32.Update(seed, castagnoli, b[:44]) && e.shift <= maxShift
	return e
}

// dataSum is the checksum of an entry's activations, and of what they are.
func (c *Cache) dataSum(sum uint32, e *entry, data []byte) uint32 {
	b := append(c.scratch[:0], e.photo[:]...)
	b = binary.LittleEndian.AppendUint32(b, e.number)
	c.scratch = binary.LittleEndian.AppendUint32(b, e.shift)
	return crc32.Update(crc32.Update(sum, castagnoli, c.scratch), castagnoli, data)
}

// readSegment reads header and table of the segment at an offset. What is damaged or cut
// short is left out. ours reports whether it begins as segments do, or with the zeros that
// a power cut may leave.
func (c *Cache) readSegment(at int64) (s segment, ours bool, err error) {
	b := make([]byte, headerSize)
	n, err := c.file.ReadAt(b, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return s, false, err
	}
	name := magic[:len(magic)-1]
	ours = bytes.HasPrefix(b, name) || bytes.HasPrefix(name, b[:n]) || len(bytes.TrimLeft(b[:n], "\x00")) == 0
	if !s.unmarshal(b[:n]) {
		return segment{}, ours, nil
	}
	l := c.layoutOf(s.set)
	if l.slots == 0 {
		return segment{}, ours, nil
	}
	s.entries = make([]entry, l.slots)
	table := make([]byte, l.slots*entrySize)
	n, err = c.file.ReadAt(table, at+headerSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return s, ours, err
	}
	s.sum = s.seed()
	for i := 0; (i+1)*entrySize <= n; i++ {
		s.entries[i] = unmarshalEntry(s.sum, table[i*entrySize:(i+1)*entrySize])
	}
	return s, ours, nil
}
