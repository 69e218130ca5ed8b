package ingest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"slices"
	"strings"
	"testing"

	"featstore/extract/photo"
)

// suspects are the paths of what a report tells, with the reasons.
func suspects(r Report) []string {
	var all []string
	for _, s := range r.Suspicious {
		all = append(all, s.Path+": "+s.Reason)
	}
	slices.Sort(all)
	return all
}

func TestSuspiciousNames(t *testing.T) {
	w := newWorld(t)
	networks, _ := fakes("m")
	original := "a thumbnail beside its original "
	want := map[string]string{
		"a/imageNotFound.jpg": "placeholder", "a/no-image.png": "placeholder", "a/placeholder.gif": "placeholder", "a/image_unavailable.jpg": "placeholder",
		"a/default-avatar.png": "placeholder", "a/spacer.gif": "placeholder", "a/noimage.jpg": "placeholder",
		"a/1.jpg": "", "a/1_thumb.jpg": original + "1", "a/1-150x150.jpg": original + "1", "a/thumb_1.png": original + "1", "a/TN-1.jpg": original + "1",
		"a/1.small.jpg": original + "1", "a/2_thumb.jpg": "", "b/1_thumb.jpg": "", // no originals beside them
		"b/Rose.JPG": "", "b/rose-thumbnail.jpg": original + "rose",
		"a/image_1.jpg": "", "a/spacers.jpg": "", "a/missing_link.jpg": "", "a/photo.jpg": "", "a/1024x768.jpg": "", "a/thumbelina.jpg": "",
	}
	var told []string
	for path, reason := range want {
		w.write(path, "photo "+path)
		switch {
		case reason == "placeholder":
			told = append(told, path+": it is named as a placeholder")
		case reason != "":
			told = append(told, path+": "+reason)
		}
	}
	slices.Sort(told)
	r := w.ingest(networks, Options{})
	if got := suspects(r); !slices.Equal(got, told) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(told, "\n"))
	}
	if r.New != len(want) {
		t.Errorf("%d of %d are used", r.New, len(want))
	}
}

func TestSuspiciousCopies(t *testing.T) {
	w := newWorld(t)
	networks, _ := fakes("m")
	for i := range 3 {
		w.write(fmt.Sprintf("a/%d.jpg", i), "the same")
	}
	for i := range 2 {
		w.write(fmt.Sprintf("b/%d.jpg", i), "twice")
	}
	if got := suspects(w.ingest(networks, Options{})); !slices.Equal(got, []string{"a/0.jpg: the same picture 3 times"}) {
		t.Errorf("%q", got)
	}
}

func encoded(t *testing.T, p image.Image, as string) string {
	t.Helper()
	var b bytes.Buffer
	if as == "jpeg" {
		must(t, jpeg.Encode(&b, p, nil))
	} else {
		must(t, png.Encode(&b, p))
	}
	return b.String()
}

func plainPicture(w, h int, c color.Color) *image.RGBA {
	p := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(p, p.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
	return p
}

// page is the screenshot of an error page: a bar at the top, and lines of something like text.
func page(w, h int) *image.RGBA {
	p := plainPicture(w, h, color.RGBA{250, 250, 252, 255})
	draw.Draw(p, image.Rect(0, 0, w, h/20), image.NewUniform(color.RGBA{60, 90, 160, 255}), image.Point{}, draw.Src)
	for line := range 3 {
		for x := w / 4; x < 3*w/4; x += 3 {
			draw.Draw(p, image.Rect(x, h/3+20*line, x+2, h/3+20*line+10), image.Black, image.Point{}, draw.Src)
		}
	}
	return p
}

// noisy is a picture that does not compress, as photos do not.
func noisy(w, h int) *image.RGBA {
	p := image.NewRGBA(image.Rect(0, 0, w, h))
	x := uint32(1)
	for i := range p.Pix {
		x = x*1664525 + 1013904223
		p.Pix[i] = byte(x>>24) | byte(0xff*(i%4/3))
	}
	return p
}

// flat is a drawing with large areas of different colours.
func flat(w, h int) *image.RGBA {
	p := plainPicture(w, h, color.White)
	draw.Draw(p, image.Rect(0, 0, w/2, h), image.NewUniform(color.RGBA{200, 0, 0, 255}), image.Point{}, draw.Src)
	return p
}

func TestSuspiciousPixels(t *testing.T) {
	pictures := map[string]string{
		"a/black.png": encoded(t, plainPicture(64, 48, color.Black), "png"),
		"a/white.jpg": encoded(t, plainPicture(640, 480, color.White), "jpeg"),
		"a/tiny.png":  encoded(t, noisy(31, 20), "png"),
		"a/page.png":  encoded(t, page(1280, 720), "png"),
		"a/photo.png": encoded(t, noisy(500, 400), "png"),
		"a/flat.png":  encoded(t, flat(800, 600), "png"),
		"a/icon.png":  encoded(t, page(300, 200), "png"),
		"a/red.png":   encoded(t, plainPicture(640, 480, color.RGBA{200, 0, 0, 255}), "png"),
	}
	want := []string{
		"a/black.png: all black", "a/page.png: almost all of it one light colour, as on a page of text or an error page",
		"a/tiny.png: only 31×20 pixels", "a/white.jpg: all white",
	}
	w := newWorld(t)
	networks, _ := fakes("m")
	for path, data := range pictures {
		w.write(path, data)
	}
	if got := suspects(w.ingest(networks, Options{})); !slices.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

// Looking for suspicious pictures takes no more memory than photos may.
func TestSuspiciousWithinMemory(t *testing.T) {
	for bytes, want := range map[int64]int{1 << 30: 1, 1 << 10: 0} {
		w := newWorld(t)
		networks, _ := fakes("m")
		w.write("a/black.png", encoded(t, plainPicture(640, 480, color.Black), "png"))
		r := w.ingest(networks, Options{Photos: photo.Limits{Memory: photo.NewMemory(bytes)}})
		if len(r.Suspicious) != want || r.New != 1 {
			t.Errorf("with %d bytes: %v, %d used", bytes, r.Suspicious, r.New)
		}
	}
}
