// Package drawn makes the small set of pictures on which `featstore demo` shows
// the whole way from a folder to a classifier: five kinds of flower, drawn with
// lines and curves, varied in colour, size, place, slant and background.
//
// They are drawings, not photos, and what is learnt from them says nothing about
// photos. They are there so that the first try needs no download. The same seed
// gives the same pictures.
package drawn

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Kinds lists the kinds of flower, which are the labels, in their order.
var Kinds = []string{"daisy", "dandelion", "rose", "sunflower", "tulip"}

var painters = map[string]func(*painter, frame){
	"daisy": daisy, "dandelion": dandelion, "rose": rose, "sunflower": sunflower, "tulip": tulip,
}

// Picture draws the n-th picture of a kind, of a size that varies. It depends on its
// arguments alone.
func Picture(kind string, n int, seed uint64) (image.Image, error) {
	rng := randomness(kind, n, seed)
	w := 224 + 16*rng.IntN(7)
	return paint(kind, rng, w, w*(10+rng.IntN(4))/12)
}

// Sized is Picture with a size in pixels that is given.
func Sized(kind string, n int, seed uint64, width, height int) (image.Image, error) {
	return paint(kind, randomness(kind, n, seed), width, height)
}

// randomness returns what the n-th picture of a kind is drawn with.
func randomness(kind string, n int, seed uint64) *rand.Rand {
	var name uint64
	for _, c := range kind {
		name = name*31 + uint64(c)
	}
	return rand.New(rand.NewPCG(seed, name<<32|uint64(n)))
}

func paint(kind string, rng *rand.Rand, width, height int) (image.Image, error) {
	flower, ok := painters[kind]
	if !ok {
		return nil, fmt.Errorf("draw %q: want one of %v", kind, Kinds)
	}
	p := &painter{newBrush(width, height), rng}
	background(p)
	f := place(p)
	stem(p, f)
	flower(p, f)
	grain(p)
	return p.img, nil
}

// place chooses where the flower's head is, how large and how seen.
func place(p *painter) frame {
	size := p.img.Bounds().Size()
	w, h := float64(size.X), float64(size.Y)
	return frame{
		center: point{w * p.between(0.35, 0.65), h * p.between(0.34, 0.6)},
		scale:  min(w, h) * p.between(0.2, 0.42),
		turn:   p.between(0, 6.28),
		squash: p.between(0.6, 1),
	}
}

// Write draws each kind's pictures into dir/<kind>/, which it makes, as JPEG.
func Write(ctx context.Context, dir string, each int, seed uint64) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, kind := range Kinds {
		folder := filepath.Join(dir, kind)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return errors.Join(fmt.Errorf("make folder for drawn pictures: %w", err), group.Wait())
		}
		for n := range each {
			group.Go(func() error {
				if err := ctx.Err(); err != nil {
					return err
				}
				return write(filepath.Join(folder, fmt.Sprintf("%s_%03d.jpg", kind, n)), kind, n, seed)
			})
		}
	}
	return group.Wait()
}

func write(path, kind string, n int, seed uint64) (err error) {
	img, err := Picture(kind, n, seed)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write drawn picture: %w", err)
	}
	defer func() {
		if e := f.Close(); err == nil && e != nil {
			err = fmt.Errorf("write drawn picture: %w", e)
		}
	}()
	if err := jpeg.Encode(f, img, &jpeg.Options{Quality: 88}); err != nil {
		return fmt.Errorf("write drawn picture %s: %w", path, err)
	}
	return nil
}
