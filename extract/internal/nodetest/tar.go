package nodetest

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"testing/fstest"
)

// OpenTar reads a .tar.gz of tests into memory.
func OpenTar(file string) (fs.FS, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	folder := fstest.MapFS{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return folder, nil
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		folder[h.Name] = &fstest.MapFile{Data: data}
	}
}
