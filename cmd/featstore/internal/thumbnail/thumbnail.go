// Package thumbnail makes small pictures of photos for a page: the central square of each,
// upright, many of them in one JPEG, a sheet, so that thousands take little room.
//
// Only files whose bytes are still those that the store knows are shown. What is gone or has
// changed is named as such.
package thumbnail

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"featstore/extract/ingest"
	"featstore/extract/photo"
	"featstore/split"
)

// Sides of the two kinds of thumbnails, in pixels.
const (
	Large = 160
	Small = 56
)

// A sheet has SheetSide × SheetSide thumbnails.
const SheetSide = 8

// A Photo is one to make a thumbnail of.
type Photo struct {
	Digest split.Digest
	Paths  []string // files with these bytes; the first that is there is read
	Large  bool     // it is wanted large too
}

// Facts are what a photo's file says of itself.
type Facts struct {
	Format        string // "JPEG"
	Width, Height int    // upright
	Bytes         int
	Problem       string // why there is no picture: "gone", "changed since", or what is wrong
}

// A Spot says where a thumbnail is.
type Spot struct {
	Sheet       int
	Column, Row int
}

// A Set is thumbnails in sheets.
type Set struct {
	Side   int      // of a thumbnail, in pixels
	Sheets [][]byte // JPEG
	spots  map[split.Digest]Spot
}

// Spot returns where a photo's thumbnail is.
func (s *Set) Spot(d split.Digest) (at Spot, ok bool) {
	if s == nil {
		return Spot{}, false
	}
	at, ok = s.spots[d]
	return at, ok
}

// Pictures are photos read and made small, but not yet put into sheets.
type Pictures struct {
	photos []Photo
	tiles  []tiles
	Facts  map[split.Digest]Facts
}

// tiles are a photo's pixels, RGB, nil for none.
type tiles struct{ large, small []byte }

// Read reads photos and makes them small, on all processors. What is wrong with a file is in
// its facts.
func Read(ctx context.Context, photos []Photo, progress func(done, total int)) (*Pictures, error) {
	p := &Pictures{photos: photos, tiles: make([]tiles, len(photos)), Facts: map[split.Digest]Facts{}}
	facts := make([]Facts, len(photos))
	limits := photo.Limits{Memory: photo.NewMemory(photo.DefaultMemory)}
	group, ctx := errgroup.WithContext(ctx)
	var next, done atomic.Int64
	for range min(runtime.GOMAXPROCS(0), len(photos)) {
		group.Go(func() error {
			r := reader{limits: limits}
			for i := int(next.Add(1) - 1); i < len(photos); i = int(next.Add(1) - 1) {
				facts[i], p.tiles[i] = r.read(ctx, photos[i])
				if err := ctx.Err(); err != nil {
					return err
				}
				if n := done.Add(1); progress != nil {
					progress(int(n), len(photos))
				}
			}
			return nil
		})
	}
	err := group.Wait()
	for i, f := range facts {
		p.Facts[photos[i].Digest] = f
	}
	return p, err
}

// A reader belongs to one goroutine.
type reader struct {
	limits  photo.Limits
	scratch photo.Scratch
	pixels  []float32
}

// read reads the first of a photo's files that is still what it was.
func (r *reader) read(ctx context.Context, p Photo) (f Facts, t tiles) {
	f.Problem = "gone"
	for _, path := range p.Paths {
		data, err := ingest.ReadPhoto(ctx, path)
		if err != nil {
			continue
		}
		if split.SumBytes(data) != p.Digest {
			f.Problem = "changed since"
			continue
		}
		f.Bytes = len(data)
		f.Format, f.Width, f.Height, err = photo.DecodeConfig(data)
		if err == nil && p.Large {
			t.large, err = r.tile(ctx, data, Large)
		}
		if err == nil {
			t.small, err = r.tile(ctx, data, Small)
		}
		f.Problem = ""
		if err != nil {
			f.Problem = err.Error()
		}
		return f, t
	}
	return f, t
}

// tile is the central square of a photo with so many pixels on a side, RGB.
func (r *reader) tile(ctx context.Context, data []byte, side int) ([]byte, error) {
	p := photo.Preprocess{Width: side, Height: side, Rule: photo.RuleCenterSquare, Filter: photo.FilterBilinear, Antialias: true,
		Std: [3]float32{1, 1, 1}, Order: photo.OrderRGB, JPEGReduce: 1, Color: photo.ColorSRGB}
	if cap(r.pixels) < p.Len() {
		r.pixels = make([]float32, p.Len())
	}
	r.pixels = r.pixels[:p.Len()]
	if _, err := p.Prepare(ctx, r.pixels, data, r.limits, &r.scratch); err != nil {
		return nil, err
	}
	out := make([]byte, len(r.pixels))
	for i, v := range r.pixels {
		out[i] = byte(max(0, min(v+0.5, 255)))
	}
	return out, nil
}

// Sheets puts the photos, in their order, into sheets that take at most so many bytes. It
// returns the set, what is left of the bytes, and how many photos found no room.
func (p *Pictures) Sheets(side int, most int64) (s *Set, left int64, without int, err error) {
	s = &Set{Side: side, spots: map[split.Digest]Spot{}}
	sheet := newSheet(side)
	var on []split.Digest
	flush := func() error {
		if len(on) == 0 {
			return nil
		}
		data, err := sheet.encode(len(on))
		if err != nil {
			return err
		}
		if int64(len(data)) > most {
			without, most = without+len(on), 0
		} else {
			most -= int64(len(data))
			for i, d := range on {
				s.spots[d] = Spot{len(s.Sheets), i % SheetSide, i / SheetSide}
			}
			s.Sheets = append(s.Sheets, data)
		}
		on = on[:0]
		return nil
	}
	for i, photo := range p.photos {
		pixels := p.tiles[i].small
		if side == Large {
			pixels = p.tiles[i].large
		}
		if pixels == nil {
			continue
		}
		sheet.put(len(on), pixels)
		if on = append(on, photo.Digest); len(on) == SheetSide*SheetSide {
			if err := flush(); err != nil {
				return nil, 0, 0, err
			}
		}
	}
	err = flush()
	return s, most, without, err
}

// A sheet is a picture of SheetSide × SheetSide tiles.
type sheet struct {
	*image.RGBA
	side int
}

func newSheet(side int) *sheet {
	s := &sheet{image.NewRGBA(image.Rect(0, 0, SheetSide*side, SheetSide*side)), side}
	for i := 3; i < len(s.Pix); i += 4 {
		s.Pix[i] = 255
	}
	return s
}

// put draws the i-th tile.
func (s *sheet) put(i int, rgb []byte) {
	x, y := i%SheetSide*s.side, i/SheetSide*s.side
	for row := range s.side {
		at := s.PixOffset(x, y+row)
		for k := range s.side {
			copy(s.Pix[at+4*k:at+4*k+3], rgb[3*(row*s.side+k):])
		}
	}
}

// quality is JPEG's: thumbnails are looked at, not measured.
const quality = 72

// encode makes a JPEG of the sheet, which has so many tiles.
func (s *sheet) encode(tiles int) ([]byte, error) {
	for i := tiles; i < SheetSide*SheetSide; i++ { // what is left from the sheet before
		s.put(i, make([]byte, 3*s.side*s.side))
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, s.RGBA, &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("make thumbnails: %w", err)
	}
	return b.Bytes(), nil
}
