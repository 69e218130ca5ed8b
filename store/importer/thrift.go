package importer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// The library allocates what a Parquet file claims: the lengths of lists in the footer, and the
// sizes in the headers of pages. So both are looked through first, in the encoding that they
// have: Thrift's compact protocol.
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md

// Limits of a Parquet file.
const (
	mostFooter     = 16 << 20  // bytes
	mostPage       = 256 << 20 // bytes, not compressed
	mostPageValues = 1 << 26
	mostPageHeader = 64 << 10 // bytes; statistics are in it
	mostNested     = 32
)

var errThrift = fmt.Errorf("%w: the Parquet file is damaged: lengths do not fit", ErrSource)

// Types of the compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

// A thriftWalk goes through encoded values. It fails where a length does not fit into the bytes.
type thriftWalk struct {
	rest []byte
	// number is called with the whole numbers of structs, and the fields that lead to them.
	number func(path []int, v int64) error
	path   []int
}

func (w *thriftWalk) uvarint() (uint64, error) {
	v, n := binary.Uvarint(w.rest)
	if n <= 0 {
		return 0, errThrift
	}
	w.rest = w.rest[n:]
	return v, nil
}

func (w *thriftWalk) skip(n uint64) error {
	if n > uint64(len(w.rest)) {
		return errThrift
	}
	w.rest = w.rest[n:]
	return nil
}

// structure goes through a struct.
func (w *thriftWalk) structure() error {
	if len(w.path) >= mostNested {
		return errThrift
	}
	w.path = append(w.path, 0)
	defer func() { w.path = w.path[:len(w.path)-1] }()
	for {
		if len(w.rest) == 0 {
			return errThrift
		}
		head := w.rest[0]
		w.rest = w.rest[1:]
		if head == 0 {
			return nil
		}
		if delta := int(head >> 4); delta > 0 {
			w.path[len(w.path)-1] += delta
		} else {
			id, err := w.uvarint()
			if err != nil {
				return err
			}
			w.path[len(w.path)-1] = int(int16(id>>1) ^ -int16(id&1))
		}
		if kind := head & 15; kind != thriftTrue && kind != thriftFalse { // those have no bytes
			if err := w.value(kind); err != nil {
				return err
			}
		}
	}
}

// value goes through a value of a kind.
func (w *thriftWalk) value(kind byte) error {
	switch kind {
	case thriftTrue, thriftFalse, thriftByte:
		return w.skip(1)
	case thriftI16, thriftI32, thriftI64:
		v, err := w.uvarint()
		if err == nil && w.number != nil {
			err = w.number(w.path, int64(v>>1)^-int64(v&1))
		}
		return err
	case thriftDouble:
		return w.skip(8)
	case thriftBinary:
		n, err := w.uvarint()
		if err != nil {
			return err
		}
		return w.skip(n)
	case thriftList, thriftSet:
		return w.list()
	case thriftMap:
		return w.pairs()
	case thriftStruct:
		return w.structure()
	}
	return errThrift
}

func (w *thriftWalk) list() error {
	if len(w.rest) == 0 || len(w.path) >= mostNested {
		return errThrift
	}
	head := w.rest[0]
	w.rest = w.rest[1:]
	n := uint64(head >> 4)
	if n == 15 {
		var err error
		if n, err = w.uvarint(); err != nil {
			return err
		}
	}
	w.path = append(w.path, 0)
	defer func() { w.path = w.path[:len(w.path)-1] }()
	return w.values(n, head&15)
}

func (w *thriftWalk) pairs() error {
	n, err := w.uvarint()
	if err != nil || n == 0 {
		return err
	}
	if len(w.rest) == 0 || len(w.path) >= mostNested {
		return errThrift
	}
	kinds := w.rest[0]
	w.rest = w.rest[1:]
	w.path = append(w.path, 0)
	defer func() { w.path = w.path[:len(w.path)-1] }()
	return w.values(n, kinds>>4, kinds&15)
}

// values goes through n values of each of some kinds. Each takes a byte at least.
func (w *thriftWalk) values(n uint64, kinds ...byte) error {
	if n > uint64(len(w.rest)) {
		return errThrift
	}
	for range n {
		for _, k := range kinds {
			if err := w.value(k); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkFooter looks through the footer of a Parquet file of some size.
func checkFooter(in io.ReaderAt, size int64) error {
	var tail [8]byte
	if size < 12 {
		return errThrift
	}
	if _, err := in.ReadAt(tail[:], size-8); err != nil {
		return withoutPath(err)
	}
	length := int64(binary.LittleEndian.Uint32(tail[:]))
	if string(tail[4:]) != parquetMagic {
		return fmt.Errorf("%w: the Parquet file is cut short, or encrypted", ErrSource)
	}
	if length > size-12 || length > mostFooter {
		return fmt.Errorf("%w: the Parquet file has a footer of %d bytes, at most %d are read", ErrSource, length, min(size-12, mostFooter))
	}
	footer := make([]byte, length)
	if _, err := in.ReadAt(footer, size-8-length); err != nil {
		return withoutPath(err)
	}
	return (&thriftWalk{rest: footer}).structure()
}

// checkPages looks through the headers of all pages.
func checkPages(in io.ReaderAt, file *parquet.File) error {
	for _, group := range file.Metadata().RowGroups {
		for _, c := range group.Columns {
			m := c.MetaData
			start := m.DataPageOffset
			if m.DictionaryPageOffset > 0 && m.DictionaryPageOffset < start {
				start = m.DictionaryPageOffset
			}
			if start < 4 || m.TotalCompressedSize < 0 || start > file.Size() || m.TotalCompressedSize > file.Size()-start {
				return errThrift
			}
			if err := checkColumn(in, start, start+m.TotalCompressedSize); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkColumn looks through the headers of the pages between two offsets.
func checkColumn(in io.ReaderAt, at, end int64) error {
	buf := make([]byte, mostPageHeader)
	for at < end {
		n, err := in.ReadAt(buf[:min(int64(len(buf)), end-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return withoutPath(err)
		}
		compressed := int64(-1)
		w := thriftWalk{rest: buf[:n], number: func(path []int, v int64) error {
			switch {
			case len(path) == 1 && path[0] == 3: // compressed_page_size
				compressed = v
			case len(path) == 1 && path[0] == 2 && (v < 0 || v > mostPage):
				return fmt.Errorf("%w: the Parquet file has a page of %d bytes, at most %d are read", ErrSource, v, mostPage)
			case len(path) == 2 && path[0] != 6 && path[1] == 1 && (v < 0 || v > mostPageValues): // num_values
				return fmt.Errorf("%w: the Parquet file has a page of %d values, at most %d are read", ErrSource, v, mostPageValues)
			}
			return nil
		}}
		if err := w.structure(); err != nil {
			return err
		}
		at += int64(n - len(w.rest))
		if compressed < 0 || compressed > end-at {
			return errThrift
		}
		at += compressed
	}
	return nil
}
