package photo

import "encoding/binary"

// Tags of a TIFF directory, which is also what EXIF is made of.
const (
	tagCompression = 259
	tagOrientation = 274
)

// tiffTag returns the first value of a tag in the first directory of a TIFF
// file or EXIF block, if it is there and an integer.
func tiffTag(b []byte, tag uint16) (value uint32, ok bool) {
	if len(b) < 8 {
		return 0, false
	}
	var order binary.ByteOrder
	switch string(b[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0, false
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 0, false
	}
	entries := b[at+2:]
	for n := order.Uint16(b[at:]); n > 0 && len(entries) >= 12; n-- {
		if order.Uint16(entries) == tag {
			return tiffValue(b, entries[:12], order)
		}
		entries = entries[12:]
	}
	return 0, false
}

// tiffValue reads the first value of a directory's entry, which stands in the
// entry itself or, where several do not fit, elsewhere in the file.
func tiffValue(b, entry []byte, order binary.ByteOrder) (value uint32, ok bool) {
	const typeByte, typeShort, typeLong = 1, 3, 4
	kind, count, data := order.Uint16(entry[2:]), order.Uint32(entry[4:]), entry[8:]
	size := map[uint16]uint64{typeByte: 1, typeShort: 2, typeLong: 4}[kind]
	if count == 0 || size == 0 {
		return 0, false
	}
	if uint64(count)*size > 4 {
		at := uint64(order.Uint32(data))
		if at+size > uint64(len(b)) {
			return 0, false
		}
		data = b[at:]
	}
	switch kind {
	case typeByte:
		return uint32(data[0]), true
	case typeShort:
		return uint32(order.Uint16(data)), true
	}
	return order.Uint32(data), true
}
