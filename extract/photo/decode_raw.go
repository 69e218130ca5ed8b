package photo

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
)

// A raw photo is a TIFF whose directories hold what the sensor saw, which is not decoded,
// and pictures that the camera made of it: DNG, CR2, NEF, ARW and others.
var rawFormat = format{
	name: "raw", header: rawHeader, decode: decodeRaw, reduce: jpegFormat.reduce,
	profile: func(_ []byte, s *Scratch) []byte { return jpegProfile(s.preview, s) },
	memory:  func(_ []byte, h header, p *Preprocess, s *Scratch) int64 { return memoryJPEG(s.preview, h, p, s) },
}

// Tags and values that tell raw photos, and where they keep pictures.
const (
	tagStripOffsets    = 273
	tagStripByteCounts = 279
	tagSubDirectories  = 330
	tagJPEGOffset      = 513
	tagJPEGLength      = 514
	tagDNGVersion      = 50706

	photometricSensor    = 32803
	photometricLinearRaw = 34892
	compressionOldJPEG   = 6
	compressionJPEG      = 7
	compressionSony      = 32767
	compressionNikon     = 34713
)

// isRaw reports whether a TIFF is a raw photo.
func isRaw(data []byte) bool {
	if len(data) >= 10 && string(data[8:10]) == "CR" { // CR2
		return true
	}
	raw := false
	eachDirectory(data, func(d directory) {
		_, dng := d.first(tagDNGVersion)
		photometric, _ := d.first(tagPhotometric)
		compression, _ := d.first(tagCompression)
		raw = raw || dng || photometric == photometricSensor || photometric == photometricLinearRaw ||
			compression == compressionSony || compression == compressionNikon
	})
	return raw
}

// rawHeader finds the largest picture. It is turned as the raw photo says, whatever it
// says itself.
func rawHeader(data []byte, s *Scratch) (header, error) {
	s.preview = nil
	var best header
	for _, preview := range rawPreviews(data) {
		if h, err := jpegHeader(preview, s); err == nil && h.pixels() > best.pixels() {
			best, s.preview = h, preview
		}
	}
	if s.preview == nil {
		return header{}, fmt.Errorf("%w: a raw photo without a whole JPEG inside; convert it to JPEG first", ErrUnsupportedFormat)
	}
	h, err := jpegHeader(s.preview, s) // of which s.jpeg knows from now on
	if o, ok := tiffTag(data, tagOrientation); ok && o >= 1 && o <= 8 {
		h.orientation = orientation(o)
	}
	return h, err
}

func decodeRaw(ctx context.Context, _ []byte, h header, p *Preprocess, s *Scratch) (*Photo, error) {
	return decodeJPEG(ctx, s.preview, h, p, s)
}

// rawPreviews are the JPEGs to which directories refer, those of sensors among them. The
// JPEG decoder refuses the latter, which are lossless.
func rawPreviews(data []byte) (found [][]byte) {
	eachDirectory(data, func(d directory) {
		at, ok := d.first(tagJPEGOffset)
		n, ok2 := d.first(tagJPEGLength)
		if ok && ok2 {
			found = appendJPEG(found, data, at, n)
		}
		switch compression, _ := d.first(tagCompression); compression {
		case compressionOldJPEG, compressionJPEG:
			offsets, lengths := d.values(tagStripOffsets), d.values(tagStripByteCounts)
			if len(offsets) == 1 && len(lengths) == 1 {
				found = appendJPEG(found, data, offsets[0], lengths[0])
			}
		}
	})
	return found
}

// appendJPEG adds a part of data that is a JPEG from its first marker to its last.
func appendJPEG(found [][]byte, data []byte, at, n uint32) [][]byte {
	if uint64(at)+uint64(n) > uint64(len(data)) {
		return found
	}
	part := data[at:][:n]
	if end := bytes.LastIndex(part, []byte("\xff\xd9")); bytes.HasPrefix(part, []byte("\xff\xd8")) && end > 0 {
		found = append(found, part[:end+2])
	}
	return found
}

// A directory is one of a TIFF's.
type directory struct {
	data    []byte
	entries []byte
	order   binary.ByteOrder
}

func (d directory) values(tag uint16) []uint32 {
	for e := d.entries; len(e) >= 12; e = e[12:] {
		if d.order.Uint16(e) == tag {
			return tiffValues(d.data, e[:12], d.order)
		}
	}
	return nil
}

func (d directory) first(tag uint16) (value uint32, ok bool) {
	if v := d.values(tag); len(v) > 0 {
		return v[0], true
	}
	return 0, false
}

// maxDirectories is more than any camera writes.
const maxDirectories = 64

// eachDirectory calls f with a TIFF's directories and those below them, each once.
func eachDirectory(data []byte, f func(d directory)) {
	order := tiffOrder(data)
	if order == nil {
		return
	}
	seen := map[uint32]bool{0: true}
	todo := []uint32{order.Uint32(data[4:])}
	for len(todo) > 0 && len(seen) <= maxDirectories {
		at := todo[0]
		todo = todo[1:]
		if seen[at] || int64(at)+2 > int64(len(data)) {
			continue
		}
		seen[at] = true
		n := 12 * int(order.Uint16(data[at:]))
		entries := data[at+2:]
		if len(entries) >= n+4 {
			todo = append(todo, order.Uint32(entries[n:]))
		}
		d := directory{data, entries[:min(n, len(entries))], order}
		f(d)
		todo = append(todo, d.values(tagSubDirectories)...)
	}
}
