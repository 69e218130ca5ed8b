package cutcache

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// A File is what faults are injected into.
type File = file

// Small returns options for segments of a few kilobytes.
func Small(limit, segment int64, wrap func(File) File) Options {
	return Options{Limit: limit, segmentSize: segment, wrap: wrap, free: func(string) uint64 { return math.MaxUint64 }}
}

// WithFree sets what the disk says to have.
func WithFree(opt Options, free func() uint64) Options {
	opt.free = func(string) uint64 { return free() }
	return opt
}

const (
	Reserve    = reserve
	HeaderSize = headerSize
)

var (
	Encode  = encode
	Decode  = decode
	ToHalf  = toHalf
	ShiftOf = shiftOf
)

// Reseal gives the headers and tables in b checksums that fit.
func Reseal(b []byte, segmentSize int) {
	for ; len(b) >= headerSize; b = b[min(len(b), segmentSize):] {
		copy(b, magic)
		seal(b[:headerSize], crc32.Checksum(b[:headerSize-4], castagnoli))
		var s segment
		if !s.unmarshal(b[:headerSize]) {
			continue
		}
		l := (&Cache{segmentSize: int64(segmentSize)}).layoutOf(s.set)
		for at := headerSize; at+entrySize <= len(b) && at < headerSize+l.slots*entrySize; at += entrySize {
			row := b[at : at+entrySize]
			seal(row, crc32.Update(s.seed(), castagnoli, row[:entrySize-4]))
		}
	}
}

func seal(b []byte, sum uint32) { binary.LittleEndian.PutUint32(b[len(b)-4:], sum) }
