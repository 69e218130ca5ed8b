package photo

import "encoding/binary"

// Tags of a TIFF directory, which is also what EXIF is made of.
const (
	tagWidth           = 256
	tagLength          = 257
	tagBitsPerSample   = 258
	tagCompression     = 259
	tagPhotometric     = 262
	tagFillOrder       = 266
	tagOrientation     = 274
	tagSamplesPerPixel = 277
	tagRowsPerStrip    = 278
	tagPlanar          = 284
	tagT4Options       = 292
	tagPredictor       = 317
	tagTileWidth       = 322
	tagTileLength      = 323
	tagExtraSamples    = 338
	tagSampleFormat    = 339
)

// tiffTag returns the first value of a tag in the first directory of a TIFF
// file or EXIF block, if it is there and an integer.
func tiffTag(b []byte, tag uint16) (value uint32, ok bool) {
	if v := tiffTagValues(b, tag); len(v) > 0 {
		return v[0], true
	}
	return 0, false
}

// tiffTagOr is tiffTag with the value that holds where the tag is missing.
func tiffTagOr(b []byte, tag uint16, missing uint32) uint32 {
	if v, ok := tiffTag(b, tag); ok {
		return v
	}
	return missing
}

// maxTagValues is more than any tag has that is looked at here.
const maxTagValues = 16

// tiffTagValues returns a tag's values, at most maxTagValues of them.
func tiffTagValues(b []byte, tag uint16) []uint32 {
	order := tiffOrder(b)
	if order == nil {
		return nil
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return nil
	}
	entries := b[at+2:]
	for n := order.Uint16(b[at:]); n > 0 && len(entries) >= 12; n-- {
		if order.Uint16(entries) == tag {
			return tiffValues(b, entries[:12], order)
		}
		entries = entries[12:]
	}
	return nil
}

// tiffOrder is the order of a TIFF's bytes, nil if it is none.
func tiffOrder(b []byte) binary.ByteOrder {
	if len(b) < 8 {
		return nil
	}
	switch string(b[:4]) {
	case "II*\x00":
		return binary.LittleEndian
	case "MM\x00*":
		return binary.BigEndian
	}
	return nil
}

// tiffValues reads the values of a directory's entry, which stand in the entry
// itself or, where they do not fit, elsewhere in the file.
func tiffValues(b, entry []byte, order binary.ByteOrder) (values []uint32) {
	const typeByte, typeShort, typeLong, typeDirectory = 1, 3, 4, 13
	kind, count, data := order.Uint16(entry[2:]), uint64(order.Uint32(entry[4:])), entry[8:]
	size := map[uint16]uint64{typeByte: 1, typeShort: 2, typeLong: 4, typeDirectory: 4}[kind]
	if size == 0 {
		return nil
	}
	if count*size > 4 {
		data = b[min(uint64(order.Uint32(data)), uint64(len(b))):]
	}
	for range min(count, maxTagValues) {
		if uint64(len(data)) < size {
			break
		}
		switch kind {
		case typeByte:
			values = append(values, uint32(data[0]))
		case typeShort:
			values = append(values, uint32(order.Uint16(data)))
		default:
			values = append(values, order.Uint32(data))
		}
		data = data[size:]
	}
	return values
}
