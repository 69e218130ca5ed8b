package modelfile

import (
	"bytes"
	"fmt"
	"io"
)

// A file is looked at in samples of sampleBytes, one in sampleEvery bytes. holeSamples of
// nothing but zeros, one after the other, are a hole.
const (
	sampleBytes = 4 << 10
	sampleEvery = 16 << 20
	holeSamples = 8
)

// findHole refuses a file with 128 MB of zeros in a row, which no trained weights have:
// one that was not downloaded to its end, or whose lengths lie. Whether it would make a
// network shows only when all of it has been read, which for such a file takes gigabytes
// of memory and almost none of disk.
func findHole(r io.ReaderAt, size int64) error {
	zeros, sample := make([]byte, sampleBytes), make([]byte, sampleBytes)
	empty := 0
	for at := int64(0); at+sampleBytes <= size; at += sampleEvery {
		if _, err := r.ReadAt(sample, at); err != nil {
			return err
		}
		if !bytes.Equal(sample, zeros) {
			empty = 0
			continue
		}
		if empty++; empty == holeSamples {
			return fmt.Errorf("nothing but zeros for %d MB before byte %d: was it downloaded to its end?",
				holeSamples*sampleEvery>>20, at+sampleBytes)
		}
	}
	return nil
}
