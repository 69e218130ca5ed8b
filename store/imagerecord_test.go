package store

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"featstore/split"
)

// The short way to read an image's record and the decoder agree, on records and on bytes
// that are nearly ones.
func TestImageRecordsAreDecodedAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Image{
			Digest: split.SumBytes(rapid.SliceOf(rapid.Byte()).Draw(t, "photo")),
			Size:   rapid.Int64().Draw(t, "size"), MTime: rapid.Int64().Draw(t, "mtime"), Label: rapid.String().Draw(t, "label"),
		}
		b, err := encode(recordOf(m))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeImageRecord(b); err != nil || got != m {
			t.Fatalf("got %+v, %v, want %+v", got, err, m)
		}
		at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		for _, other := range [][]byte{b[:at], append(bytes.Clone(b), 0), changed(b, at, rapid.Byte().Draw(t, "byte"))} {
			var r imageRecord
			want := Image{}
			wantErr := decode(other, &r)
			if wantErr == nil {
				want, wantErr = r.image()
			}
			got, err := decodeImageRecord(other)
			if got != want || (err == nil) != (wantErr == nil) {
				t.Fatalf("%x: got %+v, %v, want %+v, %v", other, got, err, want, wantErr)
			}
		}
	})
}

func changed(b []byte, at int, to byte) []byte {
	b = bytes.Clone(b)
	b[at] = to
	return b
}
