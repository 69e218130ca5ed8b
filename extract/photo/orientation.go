package photo

// An orientation is EXIF's tag 274: how the stored picture has to be turned to
// stand upright. 1 is upright already, 2 mirrored, 3 upside down, 4 both, 5 to 8
// the same four with rows and columns exchanged.
type orientation int

const upright orientation = 1

// transposes reports whether stored rows are upright columns.
func (o orientation) transposes() bool { return o >= 5 && o <= 8 }

// flips reports whether the stored x and y axes run against the upright axis
// they become.
func (o orientation) flips() (x, y bool) {
	switch o {
	case 2: // mirrored left to right
		return true, false
	case 3: // turned by 180°
		return true, true
	case 4: // mirrored top to bottom
		return false, true
	case 6: // stored row 0 is the right side, column 0 the top
		return false, true
	case 7: // row 0 right, column 0 bottom
		return true, true
	case 8: // row 0 left, column 0 bottom
		return true, false
	}
	return false, false // 1, and 5: row 0 left, column 0 top
}

// exifOrientation reads the orientation from an EXIF block or TIFF file (with
// or without the "Exif\0\0" that JPEG puts before it). It returns upright for anything
// that it cannot read: a photo with broken EXIF is still a photo.
func exifOrientation(b []byte) orientation {
	if len(b) >= 6 && string(b[:6]) == "Exif\x00\x00" {
		b = b[6:]
	}
	if v, ok := tiffTag(b, tagOrientation); ok && v >= 1 && v <= 8 {
		return orientation(v)
	}
	return upright
}
