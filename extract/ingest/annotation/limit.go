package annotation

import (
	"fmt"
	"io"
)

// Limits of a list. A row with some thousand values of a photo fits; a file of zeros is
// refused before it is read to its end.
const (
	mostRow  = 8 << 20   // bytes of one row or element
	mostCell = 64 << 10  // bytes of a path, label, split or group
	mostHeld = 512 << 20 // bytes held until the end of a list, with what is kept beside each
	itemSize = 64        // of that, beside each

	mostLabels = 1000 // of one photo: more are no labels
)

// A rowReader fails once a row is too long: begin is called before each.
type rowReader struct {
	r    io.Reader
	left int
}

func (l *rowReader) begin() { l.left = mostRow }

func (l *rowReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("%w: a row of more than %d bytes", ErrList, mostRow)
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}
