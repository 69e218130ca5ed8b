package ingest

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"featstore/extract/userfile"
	"featstore/store/storetest"
)

// A photo is read whole; of anything else no more than says what it is, from a file and
// from a stream alike.
func TestReadPhoto(t *testing.T) {
	var photo bytes.Buffer
	if err := png.Encode(&photo, image.NewNRGBA(image.Rect(0, 0, 300, 300))); err != nil {
		t.Fatal(err)
	}
	photo.Write(make([]byte, 2*headerBytes)) // what some cameras append
	other := bytes.Repeat([]byte("no photo "), 1000)
	for name, c := range map[string]struct{ data, want []byte }{
		"photo":       {photo.Bytes(), photo.Bytes()},
		"short photo": {photo.Bytes()[:100], photo.Bytes()[:100]},
		"other":       {other, other[:headerBytes]},
		"short other": {other[:10], other[:10]},
		"nothing":     {nil, nil},
	} {
		path := filepath.Join(storetest.Dir(t), "file.png")
		if err := os.WriteFile(path, c.data, 0o666); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadPhoto(context.Background(), path); err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("%s: %d bytes, want %d; %v", name, len(got), len(c.want), err)
		}
		for _, r := range []io.Reader{bytes.NewReader(c.data), iotest.OneByteReader(bytes.NewReader(c.data))} {
			if got, err := ReadPhotoStream(context.Background(), r); err != nil || !bytes.Equal(got, c.want) {
				t.Errorf("%s from a stream: %d bytes, want %d; %v", name, len(got), len(c.want), err)
			}
		}
	}
	broken := errors.New("broken pipe")
	if _, err := ReadPhotoStream(context.Background(), iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("a stream that breaks: %v", err)
	}
	if _, err := ReadPhoto(context.Background(), storetest.Dir(t)); !errors.Is(err, userfile.ErrKind) {
		t.Errorf("a folder: %v", err)
	}
}
