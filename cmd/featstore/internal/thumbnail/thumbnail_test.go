package thumbnail

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"featstore/split"
)

// write makes a photo of one colour, and returns it as one to show.
func write(t *testing.T, path string, c color.Color) Photo {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 90, 60))
	for y := range 60 {
		for x := range 90 {
			m.Set(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return Photo{Digest: split.SumBytes(b.Bytes()), Paths: []string{path}, Large: true}
}

// Each photo is where its spot says, in both sizes, whichever sheet it is on.
func TestSheets(t *testing.T) {
	dir := t.TempDir()
	var photos []Photo
	for i := range SheetSide*SheetSide + 5 {
		photos = append(photos, write(t, filepath.Join(dir, fmt.Sprint(i)), color.RGBA{uint8(i * 3), uint8(255 - i*3), 128, 255}))
	}
	p, err := Read(t.Context(), photos, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, side := range []int{Large, Small} {
		s, left, without, err := p.Sheets(side, 1e9)
		if err != nil || len(s.Sheets) != 2 || without != 0 || left >= 1e9 {
			t.Fatalf("%d sheets, %d without, %d left, %v", len(s.Sheets), without, left, err)
		}
		for i, photo := range photos {
			at, ok := s.Spot(photo.Digest)
			if !ok {
				t.Fatalf("photo %d has no spot", i)
			}
			m, err := jpeg.Decode(bytes.NewReader(s.Sheets[at.Sheet]))
			if err != nil {
				t.Fatal(err)
			}
			r, g, _, _ := m.At(at.Column*side+side/2, at.Row*side+side/2).RGBA()
			if d := int(r>>8) - i*3; d < -9 || d > 9 {
				t.Errorf("side %d: photo %d is %d red and %d green", side, i, r>>8, g>>8)
			}
		}
	}
}

// No more is taken than allowed, and what has no room is counted.
func TestSheetsAreBounded(t *testing.T) {
	photo := write(t, filepath.Join(t.TempDir(), "a.jpg"), color.White)
	p, err := Read(t.Context(), []Photo{photo}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, _, without, err := p.Sheets(Large, 100)
	if _, ok := s.Spot(photo.Digest); ok || err != nil || without != 1 || len(s.Sheets) != 0 {
		t.Errorf("%d without, %d sheets, %v", without, len(s.Sheets), err)
	}
}

// Files that are gone or are no longer what they were are not shown, nor what is no photo; a
// copy that is still there is.
func TestFilesThatChanged(t *testing.T) {
	dir := t.TempDir()
	gone := write(t, filepath.Join(dir, "gone.jpg"), color.White)
	changed := write(t, filepath.Join(dir, "changed.jpg"), color.Black)
	copied := write(t, filepath.Join(dir, "copied.jpg"), color.Gray{80})
	broken := []byte("no photo")
	none := Photo{Digest: split.SumBytes(broken), Paths: []string{filepath.Join(dir, "none.jpg")}}
	copied.Paths = []string{filepath.Join(dir, "nosuch.jpg"), changed.Paths[0], copied.Paths[0]}
	for path, data := range map[string]string{changed.Paths[0]: "other", none.Paths[0]: string(broken)} {
		if err := os.WriteFile(path, []byte(data), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(gone.Paths[0]); err != nil {
		t.Fatal(err)
	}
	p, err := Read(t.Context(), []Photo{gone, changed, copied, none}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		Photo
		want string
	}{{gone, "gone"}, {changed, "changed since"}, {copied, ""}} {
		if f := p.Facts[c.Digest]; f.Problem != c.want {
			t.Errorf("%s: %+v, want %q", c.Paths[0], f, c.want)
		}
	}
	if f := p.Facts[none.Digest]; f.Problem == "" {
		t.Errorf("no photo: %+v", f)
	}
	if f := p.Facts[copied.Digest]; f.Format != "jpeg" || f.Width != 90 || f.Height != 60 || f.Bytes == 0 {
		t.Errorf("%+v", f)
	}
}

// The same picture in all eight orientations has the same thumbnail.
func TestOrientation(t *testing.T) {
	files, err := filepath.Glob("../../../../../shared/torture/orientation/*.jpg")
	if err != nil || len(files) == 0 {
		t.Skip("needs ../shared/torture/orientation")
	}
	var first []byte
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Read(t.Context(), []Photo{{Digest: split.SumBytes(data), Paths: []string{file}}}, nil)
		if err != nil || p.tiles[0].small == nil {
			t.Fatal(file, p.Facts, err)
		}
		if first == nil {
			first = p.tiles[0].small
		}
		far := 0
		for i, v := range p.tiles[0].small {
			if d := int(v) - int(first[i]); d < -40 || d > 40 {
				far++
			}
		}
		if far > len(first)/20 {
			t.Errorf("%s: %d of %d values differ", file, far, len(first))
		}
	}
}
