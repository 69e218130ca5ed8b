package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image/jpeg"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"featstore/cmd/featstore/internal/drawn"
	"featstore/extract/ingest"
	"featstore/extract/photo"
)

// Photos are the files to measure with.
type Photos struct {
	From  string // for the report
	Files [][]byte
}

// Drawn pictures are as large as those of TensorFlow's flower_photos, in pixels and
// in bytes: fewer bytes for the same pixels are decoded in less time.
const (
	drawnCount   = 32
	drawnWidth   = 500
	drawnHeight  = 375
	drawnQuality = 97
)

// Draw draws pictures to measure with.
func Draw(ctx context.Context) (Photos, error) {
	p := Photos{From: "drawn", Files: make([][]byte, drawnCount)}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range p.Files {
		group.Go(func() (err error) {
			if err = ctx.Err(); err == nil {
				p.Files[i], err = draw(i)
			}
			return err
		})
	}
	return p, group.Wait()
}

func draw(i int) ([]byte, error) {
	img, err := drawn.Sized(drawn.Kinds[i%len(drawn.Kinds)], i, 1, drawnWidth, drawnHeight)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: drawnQuality}); err != nil {
		return nil, fmt.Errorf("encode drawn picture: %w", err)
	}
	return b.Bytes(), nil
}

// Limits on what is read of a user's photos.
const (
	mostPhotos = 100
	mostBytes  = 200 << 20
)

// Read reads photos to measure with, spread evenly over the files of a folder.
func Read(ctx context.Context, folder string, files []string) (Photos, error) {
	p := Photos{From: folder}
	n, room := min(len(files), mostPhotos), mostBytes
	for i := range n {
		if err := ctx.Err(); err != nil {
			return p, err
		}
		name := files[i*len(files)/n]
		data, err := ingest.ReadPhoto(ctx, name)
		if err != nil {
			return p, fmt.Errorf("read photo %s: %w", name, err)
		}
		if room -= len(data); room < 0 && len(p.Files) > 0 {
			break
		}
		p.Files = append(p.Files, data)
	}
	return p, nil
}

// A photoFile is one that can be decoded.
type photoFile struct {
	data   []byte
	format string
}

// errNoPhotos: none can be decoded.
var errNoPhotos = errors.New("no photo can be used")

// usable decodes every photo once, leaves out those that fail, and describes the
// rest.
func (b *bench) usable() error {
	r, p := &b.result, b.Network.Info().Preprocess
	var s photo.Scratch
	var why error
	for _, data := range b.Photos.Files {
		ph, err := p.Decode(data, b.Network.PhotoLimits(), &s)
		if err != nil {
			r.Unusable++
			why = fmt.Errorf("%w: %w", errNoPhotos, err)
			continue
		}
		b.photos = append(b.photos, photoFile{data, ph.Format})
		r.PhotoWidth, r.PhotoHeight, r.PhotoBytes = r.PhotoWidth+ph.Width, r.PhotoHeight+ph.Height, r.PhotoBytes+len(data)
	}
	n := len(b.photos)
	if n == 0 {
		if why == nil {
			why = errNoPhotos
		}
		return why
	}
	r.PhotoCount, r.PhotoWidth, r.PhotoHeight, r.PhotoBytes = n, (r.PhotoWidth+n/2)/n, (r.PhotoHeight+n/2)/n, r.PhotoBytes/n
	return nil
}

// copies returns how many files with different bytes can be made of the photos.
func (b *bench) copies() int {
	n := len(b.photos)
	for _, p := range b.photos {
		if p.format == "jpeg" {
			n = mostCopies
		}
	}
	return n
}

// mostCopies bounds the files of an ingest.
const mostCopies = 5000

// write writes n files with different bytes to a folder: the photos, and then JPEGs
// among them again, each with another number in a comment that decoders skip.
func (b *bench) write(ctx context.Context, folder string, n int) error {
	for round, at := 0, 0; at < n; round++ {
		for _, p := range b.photos {
			if round > 0 && p.format != "jpeg" || at == n {
				continue
			}
			data := p.data
			if round > 0 {
				data = commented(data, round)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := writeLabelled(folder, at, p.format, data); err != nil {
				return fmt.Errorf("write photo to ingest: %w", err)
			}
			at++
		}
	}
	return nil
}

// writeLabelled writes a photo into the folder of one of the labels.
func writeLabelled(folder string, i int, format string, data []byte) error {
	dir := filepath.Join(folder, fmt.Sprintf("label%d", i%labels))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	name := filepath.Join(dir, fmt.Sprintf("%05d.%s", i, format))
	if err := os.WriteFile(name, data, 0o644); err != nil {
		return err
	}
	return os.Chtimes(name, longAgo, longAgo) // ingest waits for files that change now
}

// commented returns a JPEG with a comment after its first marker.
func commented(jpeg []byte, number int) []byte {
	const marker, comment = 2, 6 // bytes: FF D8; FF FE, a length of 6, a number of 4
	out := append(make([]byte, 0, len(jpeg)+comment+2), jpeg[:marker]...)
	out = append(out, 0xff, 0xfe, 0, comment)
	out = binary.BigEndian.AppendUint32(out, uint32(number))
	return append(out, jpeg[marker:]...)
}
