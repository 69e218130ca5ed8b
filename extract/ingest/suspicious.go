package ingest

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"featstore/extract/photo"
	"featstore/store"
)

// What is suspicious is told and kept: who knows the photos decides.
const (
	manyCopies = 3        // of one picture under a label
	tinySide   = 32       // pixels of the longer side
	fewBytes   = 12       // pixels a byte, from which on a picture may be of one colour
	fewJPEG    = 24       // the same of a JPEG, behind its header: photos out of focus come to 20
	jpegHeader = 2048     // bytes that are no picture, at most mostly
	mostJudged = 16 << 20 // pixels of a picture that is decoded for that
	pageSide   = 400      // pixels of the longer side of a page's screenshot, at least
	pagePart   = 80       // percent of it that are background
)

// placeholders are names that sites and programs give to pictures which stand for none.
var placeholders = regexp.MustCompile(`(?i)^(image|photo|picture|img)?[-_ ]?(not[-_ ]?(found|available)|unavailable|missing)$|` +
	`^no[-_ ]?(image|photo|picture|img)([-_ ]?(found|available))?$|^placeholder$|^spacer$|^default[-_ ]?(image|photo|avatar)$`)

// thumbnails are what the names of small copies have more than those of their originals.
var thumbnails = regexp.MustCompile(`(?i)([-_.](thumb|thumbnail|small)|-[0-9]{2,3}x[0-9]{2,3})$|^(thumb|thumbnail|tn)[-_.]`)

// suspectNames finds placeholders and thumbnails by their names.
func (r *run) suspectNames() {
	var names map[string]bool // of all files, once one looks like a thumbnail's
	for _, f := range r.list.files {
		name := stem(f.path)
		dir, base := path.Split(name)
		if placeholders.MatchString(base) {
			r.suspect(f.path, "it is named as a placeholder")
			continue
		}
		if at := thumbnails.FindStringIndex(base); at != nil {
			if names == nil {
				names = r.list.stems()
			}
			if original := dir + base[:at[0]] + base[at[1]:]; names[strings.ToLower(original)] {
				r.suspect(f.path, "a thumbnail beside its original "+path.Base(original))
			}
		}
	}
}

// stems returns the paths of all files without extension, in lower case.
func (l *listing) stems() map[string]bool {
	stems := make(map[string]bool, len(l.files))
	for _, f := range l.files {
		stems[strings.ToLower(stem(f.path))] = true
	}
	return stems
}

func (r *run) suspect(path, reason string) {
	r.report.update(func() { r.report.Suspicious = append(r.report.Suspicious, Problem{path, reason}) })
}

// suspectCopies finds pictures that are many times under one label. at and labels are those
// of the image's digest; it is told once, of the first in this folder.
func (r *run) suspectCopies(image store.ImageEntry, at []store.Location, labels []string) {
	n, first := 0, ""
	for i, l := range at {
		if l.Root == r.root && labels[i] == image.Label {
			n++
			first = cmp.Or(first, l.Path)
		}
	}
	if n >= manyCopies && first == image.Path {
		r.suspect(image.Path, fmt.Sprintf("the same picture %d times", n))
	}
}

// fewPixels is a preparation that keeps colours as they are, of a few pixels, for which a
// large JPEG is decoded at an eighth of its size.
var fewPixels = photo.Preprocess{Width: 16, Height: 16, Rule: photo.RuleSquash, Filter: photo.FilterBilinear, Antialias: true,
	Std: [3]float32{1, 1, 1}, Order: photo.OrderRGB, JPEGReduce: 1}

// suspectPixels finds pictures that are tiny, all black or white, or pages of text, among those that were
// read now. A picture of one colour takes few bytes, so few are decoded again.
func (w *worker) suspectPixels(ctx context.Context, path string, data []byte) {
	format, width, height, err := photo.DecodeConfig(data)
	if err != nil {
		return
	}
	if max(width, height) < tinySide {
		w.suspect(path, fmt.Sprintf("only %d×%d pixels", width, height))
		return
	}
	few := fewBytes * len(data)
	if format == "jpeg" {
		few = fewJPEG * (len(data) - jpegHeader)
	}
	if pixels := width * height; pixels < few || pixels > mostJudged {
		return
	}
	p := fewPixels
	dst := make([]float32, p.Len())
	if _, err := p.Prepare(ctx, dst, data, w.opt.Photos, new(photo.Scratch)); err != nil {
		return // the networks have decoded it, or have said why not
	}
	switch low, high := slices.Min(dst), slices.Max(dst); {
	case high < 8:
		w.suspect(path, "all black")
	case low > 247:
		w.suspect(path, "all white")
	case (format == "png" || format == "gif") && max(width, height) >= pageSide && likePage(dst):
		w.suspect(path, "almost all of it one light colour, as on a page of text or an error page")
	}
}

// likePage tells whether most of a picture, given as RGB from 0 to 255, has one light colour.
// So has the screenshot of a page of text; photos do not compress so well.
func likePage(rgb []float32) bool {
	var median [3]float32
	for c := range median {
		var values []float32
		for i := c; i < len(rgb); i += 3 {
			values = append(values, rgb[i])
		}
		slices.Sort(values)
		median[c] = values[len(values)/2]
	}
	same := 0
	for i := 0; i < len(rgb); i += 3 {
		far := float32(0)
		for c, m := range median {
			far = max(far, rgb[i+c]-m, m-rgb[i+c])
		}
		if far <= 6 {
			same++
		}
	}
	return min(median[0], median[1], median[2]) > 200 && 100*same >= pagePart*len(rgb)/3
}
