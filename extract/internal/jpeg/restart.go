package jpeg

// restartMarker skips to the next marker and reports whether it is the
// expected restart marker. In front of it other bytes may stand: what the
// interval's decoding left over.
func (d *Decoder) restartMarker(expected int) bool {
	for d.at < len(d.data) && d.data[d.at] == 0xff {
		d.at++
	}
	if d.at < len(d.data) && d.data[d.at] == byte(mRST0+expected) {
		d.at++
		return true
	}
	return false
}
