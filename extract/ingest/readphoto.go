package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"

	"featstore/extract/photo"
	"featstore/extract/userfile"
)

// ReadPhoto returns the bytes of a photo's file of at most DefaultMaxBytes. Of a file
// that does not begin as a photo does it returns only the beginning: decoding that says
// as well what is wrong with it, and the file may be large. A path may lead into an archive.
func ReadPhoto(ctx context.Context, path string) ([]byte, error) {
	f, err := userfile.Open(path)
	if err != nil && leadsIntoFile(err) {
		if root, inside, ok := splitPath(path); ok {
			return readPacked(ctx, root, inside)
		}
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !startsLikePhoto(f) {
		head := make([]byte, headerBytes)
		n, err := io.ReadFull(f, head)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = nil
		}
		return head[:n], userfile.WithoutPath(err)
	}
	return userfile.ReadFile(ctx, f, DefaultMaxBytes)
}

// ReadPhotoStream is ReadPhoto of a standard input: see userfile.ReadStream.
func ReadPhotoStream(ctx context.Context, r io.Reader) ([]byte, error) {
	return userfile.ReadStream(ctx, &photoStream{r: r}, DefaultMaxBytes)
}

// A photoStream ends after its beginning if that is not a photo's.
type photoStream struct {
	r    io.Reader
	rest io.Reader // nil before the first read
}

func (s *photoStream) Read(p []byte) (int, error) {
	if s.rest == nil {
		head := make([]byte, headerBytes)
		n, err := io.ReadFull(s.r, head)
		s.rest = bytes.NewReader(head[:n])
		if _, _, _, bad := photo.DecodeConfig(head[:n]); err == nil && !errors.Is(bad, photo.ErrUnsupportedFormat) {
			s.rest = io.MultiReader(s.rest, s.r)
		} else if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, err
		}
	}
	return s.rest.Read(p)
}
