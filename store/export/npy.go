package export

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"featstore/split"
)

// npyFolder writes one array a column, row after row: npyio, which reads such
// files, would want each array whole in memory.
type npyFolder struct {
	features, labels, splits, paths, digests io.Writer
	views                                    io.Writer // nil without views

	head   header
	widest int
	target *target
	buf    []byte
	text   texter
}

// npyNames are the files of a folder that may be replaced.
var npyNames = []string{"features.npy", "labels.npy", "label_names.npy", "splits.npy", "paths.npy", "digests.npy", "views.npy", headerName}

const headerName = "export.json"

func newNPY(tab *table, t *target) (rowWriter, error) {
	w := &npyFolder{head: tab.header(), widest: max(tab.widest, 1), target: t}
	w.head.Copies = map[string][]string{}
	n := tab.summary.Rows
	var failed error
	open := func(name, kind string, shape ...int) io.Writer {
		if failed != nil {
			return nil
		}
		out, err := t.create(name)
		if err == nil {
			_, err = out.Write(npyHeader(kind, shape...))
		}
		failed = err
		return out
	}
	w.features = open("features.npy", "<f4", n, tab.summary.Dim)
	w.labels = open("labels.npy", "<i8", n)
	w.splits = open("splits.npy", textKind(splitWidth()), n)
	w.paths = open("paths.npy", textKind(w.widest), n)
	w.digests = open("digests.npy", textKind(2*len(split.Digest{})), n)
	if tab.views {
		w.views = open("views.npy", "<i8", n)
	}
	width := 1
	for _, l := range tab.labels {
		width = max(width, utf8.RuneCountInString(l))
	}
	names := open("label_names.npy", textKind(width), len(tab.labels))
	if failed != nil {
		return nil, failed
	}
	for _, l := range tab.labels {
		if err := w.putText(names, l, width); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *npyFolder) write(r *row) error {
	w.buf = w.buf[:0]
	for _, v := range r.vector {
		w.buf = binary.LittleEndian.AppendUint32(w.buf, math.Float32bits(v))
	}
	if _, err := w.features.Write(w.buf); err != nil {
		return err
	}
	w.buf = binary.LittleEndian.AppendUint64(w.buf[:0], uint64(r.label))
	if _, err := w.labels.Write(w.buf); err != nil {
		return err
	}
	if w.views != nil {
		w.buf = binary.LittleEndian.AppendUint64(w.buf[:0], uint64(r.view))
		if _, err := w.views.Write(w.buf); err != nil {
			return err
		}
	}
	if len(r.copies) > 0 {
		w.head.Copies[r.digest.String()] = w.text.texts(r.copies)
	}
	if err := w.putText(w.splits, r.split.String(), splitWidth()); err != nil {
		return err
	}
	if err := w.putText(w.paths, r.path, w.widest); err != nil {
		return err
	}
	return w.putText(w.digests, r.digest.String(), 2*len(r.digest))
}

func (w *npyFolder) finish(s *Summary) error {
	s.NotText = w.text.changed
	out, err := w.target.create(headerName)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(w.head, "", "  ")
	if err != nil {
		return err
	}
	_, err = out.Write(append(text, '\n'))
	return err
}

// npyHeader is how an array's file begins: NumPy's format 1.0, which pads to 64
// bytes so that the values are aligned.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
func npyHeader(kind string, shape ...int) []byte {
	var dims strings.Builder
	for _, n := range shape {
		fmt.Fprintf(&dims, "%d,", n)
	}
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", kind, dims.String())
	const magic = "\x93NUMPY\x01\x00"
	pad := 63 - (len(magic)+2+len(dict))%64
	b := append([]byte(magic), 0, 0)
	binary.LittleEndian.PutUint16(b[len(magic):], uint16(len(dict)+pad+1))
	return append(b, dict+strings.Repeat(" ", pad)+"\n"...)
}

// textKind is NumPy's type of text of up to width characters.
func textKind(width int) string { return fmt.Sprintf("<U%d", width) }

func splitWidth() int { return len(split.Validation.String()) }

// putText writes text as width UTF-32 characters, padded with zeros. Bytes that are
// no UTF-8 become what Python's os.fsdecode makes of them, so that open finds the
// file.
func (w *npyFolder) putText(out io.Writer, text string, width int) error {
	w.buf = w.buf[:0]
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 {
			r = 0xDC00 + rune(text[i])
		}
		w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(r))
		i += n
	}
	if len(w.buf) > 4*width {
		return fmt.Errorf("text of %d characters where %d are the most", len(w.buf)/4, width)
	}
	w.buf = append(w.buf, make([]byte, 4*width-len(w.buf))...)
	_, err := out.Write(w.buf)
	return err
}
