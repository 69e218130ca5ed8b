package export

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// An npySink writes a folder: features.npy and images.csv.
//
// The array is written row by row, with a header of our own: the library for the
// format wants the whole of it in memory, as float64.
type npySink struct {
	file   *os.File
	buf    *bufio.Writer
	images *csvSink
}

func newNPY(dir string, rows, dim int) (*npySink, error) {
	if err := os.Mkdir(dir, 0o777); err != nil {
		return nil, err
	}
	images, err := newCSV(filepath.Join(dir, "images.csv"), 0)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "features.npy"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		images.abort()
		return nil, err
	}
	s := &npySink{file: f, buf: bufio.NewWriterSize(f, 1<<18), images: images}
	if _, err := s.buf.Write(npyHeader(rows, dim)); err != nil {
		s.abort()
		return nil, err
	}
	return s, nil
}

// npyHeader is that of version 1.0 of NumPy's format (NEP 1): magic, version,
// length, a Python dictionary padded so that the data begin at a multiple of 64.
func npyHeader(rows, dim int) []byte {
	const fixed = 10
	text := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", rows, dim)
	pad := 63 - (fixed+len(text))%64
	text += strings.Repeat(" ", pad) + "\n"
	head := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(head[8:], uint16(len(text)))
	return append(head, text...)
}

func (s *npySink) write(r *row) error {
	var b [4]byte
	for _, v := range r.features {
		binary.LittleEndian.PutUint32(b[:], math.Float32bits(v))
		if _, err := s.buf.Write(b[:]); err != nil {
			return err
		}
	}
	return s.images.write(r)
}

func (s *npySink) close() error {
	if err := s.images.close(); err != nil {
		s.file.Close()
		return err
	}
	return closeFile(s.file, s.buf)
}

func (s *npySink) abort() {
	s.images.abort()
	s.file.Close()
}
