package store

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// boltMeta is what a meta page says of a bbolt file.
type boltMeta struct {
	pageSize int64
	root     uint64 // page of the root bucket
	freelist uint64
	pages    uint64 // all page numbers are below
	txid     uint64
	doubt    string // what may be missing because the other meta page is invalid
}

// doubtOf says what is wrong with the meta page at an offset, which cannot be used,
// and what may be missing: each commit overwrites the older of the two.
func (m boltMeta) doubtOf(f io.ReaderAt, off int64, why error) string {
	missing := "the last change to the store may be missing"
	var b [8]byte
	if _, err := f.ReadAt(b[:], off+pageHeader+48); err == nil {
		switch native.Uint64(b[:]) {
		case m.txid + 1:
			missing = "it is the newer one, so the last change to the store is missing"
		case m.txid - 1:
			missing = "it is the older one, so nothing is missing"
		}
	}
	return fmt.Sprintf("one of its two headers is invalid (%v): %s", why, missing)
}

var (
	errNoMagic  = errors.New("no bbolt file")
	errVersion  = errors.New("another version of bbolt made it")
	errMetaSum  = errors.New("wrong checksum")
	errPageSize = errors.New("impossible page size")
)

// readMeta finds the newest valid meta page, as bbolt does. Where the other one is
// invalid it says what that may mean.
func readMeta(f io.ReaderAt, size int64) (boltMeta, error) {
	m0, err0 := metaAt(f, 0)
	if err0 == nil {
		m1, err1 := metaAt(f, m0.pageSize)
		switch {
		case err1 != nil:
			m0.doubt = m0.doubtOf(f, m0.pageSize, err1)
		case m1.txid > m0.txid:
			return m1, m1.fits(size)
		}
		return m0, m0.fits(size)
	}
	err := err0
	for page := int64(1024); page <= 1<<24 && page < size-1024; page *= 2 {
		m1, err1 := metaAt(f, page)
		if err1 == nil {
			m1.doubt = m1.doubtOf(f, 0, err0)
			return m1, m1.fits(size)
		}
		if errors.Is(err, errNoMagic) {
			err = err1
		}
	}
	switch {
	case errors.Is(err, errNoMagic):
		return boltMeta{}, ErrNotStore
	case errors.Is(err, errVersion):
		return boltMeta{}, fmt.Errorf("%w: %w", ErrNotStore, err)
	}
	return boltMeta{}, fmt.Errorf("%w: neither of its meta pages can be used: %w", ErrCorrupt, err)
}

// metaAt reads the meta page at an offset.
func metaAt(f io.ReaderAt, off int64) (boltMeta, error) {
	var b [pageHeader + metaSize]byte
	n, err := f.ReadAt(b[:], off)
	m := b[pageHeader:]
	if n < pageHeader+4 || native.Uint32(m) != boltMagic {
		return boltMeta{}, errNoMagic
	}
	if n < len(b) {
		return boltMeta{}, fmt.Errorf("cut short: %w", err)
	}
	if native.Uint32(m[4:]) != boltVersion {
		return boltMeta{}, errVersion
	}
	sum := fnv.New64a()
	sum.Write(m[:56])
	if native.Uint64(m[56:]) != sum.Sum64() {
		return boltMeta{}, errMetaSum
	}
	meta := boltMeta{
		pageSize: int64(native.Uint32(m[8:])), root: native.Uint64(m[16:]), freelist: native.Uint64(m[32:]),
		pages: native.Uint64(m[40:]), txid: native.Uint64(m[48:]),
	}
	if s := meta.pageSize; s < 1024 || s > 1<<24 || s&(s-1) != 0 {
		return boltMeta{}, errPageSize
	}
	return meta, nil
}

// fits tells whether the file has all pages: reading beyond its end is a fault.
func (m boltMeta) fits(size int64) error {
	if m.pages < 3 || m.pages > uint64(size/m.pageSize) {
		return fmt.Errorf("%w: it is cut short: it has %d bytes, its pages need %d times %d", ErrCorrupt, size, m.pages, m.pageSize)
	}
	return nil
}
