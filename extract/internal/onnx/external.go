package onnx

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// externalFiles reads the weights that a model keeps in files beside it.
type externalFiles struct {
	fsys fs.FS
	name string // of the file that is open
	file fs.File
	size int64
}

// read returns the size bytes that a TensorProto's external_data entries point to.
func (e *externalFiles) read(entries map[string]string, size int) ([]byte, error) {
	name, offset, err := placeOf(entries, size)
	if err != nil {
		return nil, err
	}
	if err := e.open(name); err != nil {
		return nil, wrong(ErrExternal, "%v", err)
	}
	if offset > e.size || int64(size) > e.size-offset {
		return nil, wrong(ErrExternal, "%d bytes at %d are wanted of %s, which has %d", size, offset, quote(name), e.size)
	}
	data := make([]byte, size)
	if err := readAt(e.file, data, offset); err != nil {
		return nil, fmt.Errorf("%w: %d bytes at %d of %s: %w", ErrExternal, size, offset, quote(name), err)
	}
	return data, nil
}

// location returns the name of the file with a tensor's external data, cleaned. A name
// that leads out of the model's folder is an error.
func location(entries map[string]string) (string, error) {
	name := entries["location"]
	clean := path.Clean(name)
	if name == "" || path.IsAbs(name) || strings.ContainsAny(name, "\\:\x00") || !fs.ValidPath(clean) || clean == "." {
		return "", wrong(ErrCorrupt, "external data in %s, which is not a file in the model's folder", quote(name))
	}
	return clean, nil
}

// placeOf returns the file and offset of external data that takes size bytes.
func placeOf(entries map[string]string, size int) (name string, offset int64, err error) {
	if name, err = location(entries); err != nil {
		return "", 0, err
	}
	if offset, err = number(entries["offset"], 0); err != nil {
		return "", 0, wrong(ErrCorrupt, "external data at offset %s", quote(entries["offset"]))
	}
	length, err := number(entries["length"], int64(size))
	if err != nil || length != int64(size) {
		return "", 0, wrong(ErrCorrupt, "external data of length %s where the shape takes %d bytes", quote(entries["length"]), size)
	}
	return name, offset, nil
}

func number(s string, def int64) (int64, error) {
	if s == "" {
		return def, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil && n < 0 {
		err = strconv.ErrRange
	}
	return n, err
}

// open opens the file called name unless it is open already. One file is kept open:
// nearly every model has only one.
func (e *externalFiles) open(name string) error {
	if e.fsys == nil {
		return fmt.Errorf("the weights are in %s, which has to lie beside the model", quote(name))
	}
	if e.file != nil && e.name == name {
		return nil
	}
	e.close()
	f, err := e.fsys.Open(name)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", quote(name))
	}
	if err != nil {
		f.Close()
		return err
	}
	e.file, e.name, e.size = f, name, info.Size()
	return nil
}

func (e *externalFiles) close() {
	if e.file != nil {
		e.file.Close()
		e.file = nil
	}
}

func readAt(f fs.File, data []byte, offset int64) error {
	switch f := f.(type) {
	case io.ReaderAt:
		n, err := f.ReadAt(data, offset)
		if n == len(data) {
			return nil
		}
		return err
	case io.ReadSeeker:
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			return err
		}
		_, err := io.ReadFull(f, data)
		return err
	}
	return errors.New("the file system cannot read from the middle of a file")
}
