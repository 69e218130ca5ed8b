package heif

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

const pictures = "../../photo/testdata/heif"

func picture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(pictures, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestParse(t *testing.T) {
	for name, want := range map[string]File{
		"420.heic":           {Compression: HEVC, CodedWidth: 64, CodedHeight: 64, Crop: Rectangle{0, 0, 61, 45}, Orientation: 1, Depth: 8, Subsampling: Half},
		"422.heic":           {Compression: HEVC, CodedWidth: 64, CodedHeight: 64, Crop: Rectangle{0, 0, 61, 45}, Orientation: 1, Depth: 8, Subsampling: HalfWidth},
		"grey.heic":          {Compression: HEVC, CodedWidth: 64, CodedHeight: 64, Crop: Rectangle{0, 0, 61, 45}, Orientation: 1, Depth: 8, Subsampling: Monochrome},
		"10-bit.heic":        {Compression: HEVC, CodedWidth: 64, CodedHeight: 64, Crop: Rectangle{0, 0, 61, 45}, Orientation: 1, Depth: 10, Subsampling: Half},
		"orientation-6.heic": {Compression: HEVC, CodedWidth: 64, CodedHeight: 64, Crop: Rectangle{0, 0, 60, 44}, Orientation: 6, Depth: 8, Subsampling: Half},
		"orientation-7.avif": {Compression: AV1, CodedWidth: 61, CodedHeight: 45, Crop: Rectangle{0, 0, 61, 45}, Orientation: 7, Depth: 8, Subsampling: Half},
		"444.avif":           {Compression: AV1, CodedWidth: 61, CodedHeight: 45, Crop: Rectangle{0, 0, 61, 45}, Orientation: 1, Depth: 8, Subsampling: Full},
		"grey.avif":          {Compression: AV1, CodedWidth: 61, CodedHeight: 45, Crop: Rectangle{0, 0, 61, 45}, Orientation: 1, Depth: 8, Subsampling: Monochrome},
	} {
		f, err := Parse(picture(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if f.Compression != want.Compression || f.CodedWidth != want.CodedWidth || f.CodedHeight != want.CodedHeight || f.Crop != want.Crop ||
			f.Orientation != want.Orientation || f.Depth != want.Depth || f.Subsampling != want.Subsampling || f.Tiles != 1 || f.Alpha != 0 {
			t.Errorf("%s: %+v\nwant %+v", name, *f, want)
		}
	}
	for _, name := range []string{"alpha.heic", "alpha.avif"} {
		if f, err := Parse(picture(t, name)); err != nil || f.Alpha == 0 {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

// put makes a box.
func put(kind string, content ...[]byte) []byte {
	body := bytes.Join(content, nil)
	return append(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), append([]byte(kind), body...)...)
}

func full(kind string, version byte, content ...[]byte) []byte {
	return put(kind, append([][]byte{{version, 0, 0, 0}}, content...)...)
}

func u16(v ...int) (out []byte) {
	for _, x := range v {
		out = binary.BigEndian.AppendUint16(out, uint16(x))
	}
	return out
}

func u32(v ...int) (out []byte) {
	for _, x := range v {
		out = binary.BigEndian.AppendUint32(out, uint32(x))
	}
	return out
}

func itemInfo(id int, kind string) []byte {
	return full("infe", 2, u16(id, 0), []byte(kind), []byte{0})
}

// gridFile is a picture of tiles, whose tiles are tiles of the same kind if it is deep.
func gridFile(deep, loop bool) []byte {
	infos := [][]byte{u16(3), itemInfo(1, "grid"), itemInfo(2, "hvc1"), itemInfo(3, "hvc1")}
	refs := put("dimg", u16(1, 2, 2, 3))
	if deep {
		infos[2] = itemInfo(2, "grid")
		to := 3
		if loop {
			to = 1
		}
		refs = append(refs, put("dimg", u16(2, 1, to))...)
	}
	properties := put("ipco", full("ispe", 0, u32(1000, 700)), full("ispe", 0, u32(512, 512)), put("irot", []byte{1}),
		put("clap", u32(900, 1, 600, 1, 10, 1, -20, 1)))
	return append(put("ftyp", []byte("heic"), u32(0)), full("meta", 0, full("pitm", 0, u16(1)), full("iinf", 0, infos...), full("iref", 0, refs),
		put("iprp", properties, full("ipma", 0, u32(3), u16(1), []byte{3, 1, 4, 3}, u16(2), []byte{1, 2}, u16(3), []byte{1, 2})))...)
}

func TestGrid(t *testing.T) {
	f, err := Parse(gridFile(false, false))
	if err != nil {
		t.Fatal(err)
	}
	if f.Compression != HEVC || f.Tiles != 2 || f.TileWidth != 512 || f.CodedWidth != 1000 || f.Crop != (Rectangle{60, 30, 900, 600}) ||
		f.Orientation != 8 || f.Width() != 600 || f.Height() != 900 {
		t.Errorf("%+v of %d×%d", *f, f.Width(), f.Height())
	}
	if _, err := Parse(gridFile(true, false)); err != nil {
		t.Error(err)
	}
	if _, err := Parse(gridFile(true, true)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a grid that is a tile of itself: got %v", err)
	}
	data := gridFile(false, false)
	f.EditPrimary(data)
	if f, err := Parse(data); err != nil || f.Orientation != 1 || f.Crop.Width != 1000 {
		t.Errorf("edited: %+v, %v", f, err)
	}
}

// TestTurns: the eight orientations are made of turns and mirrors.
func TestTurns(t *testing.T) {
	for o := 1; o <= 8; o++ {
		at := o
		for range 4 {
			at = turnLeft[at]
		}
		if at != o || mirror[mirror[o]] != o || flip[flip[o]] != o || mirror[flip[o]] != turnLeft[turnLeft[o]] {
			t.Errorf("orientation %d: four turns give %d, two mirrors %d, two flips %d", o, at, mirror[mirror[o]], flip[flip[o]])
		}
	}
}

// FuzzParse: whatever the bytes, an error of a known kind, or a file that the edits keep
// within its bytes.
func FuzzParse(f *testing.F) {
	names, err := filepath.Glob(pictures + "/*.[ha]*i[cf]")
	if err != nil || len(names) == 0 {
		f.Fatal(err, names)
	}
	for _, name := range names {
		f.Add(picture(f, filepath.Base(name)))
	}
	f.Add(gridFile(false, false))
	f.Add(gridFile(true, true))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		c := file.Crop
		if c.X < 0 || c.Y < 0 || c.Width <= 0 || c.Height <= 0 || c.X+c.Width > file.CodedWidth || c.Y+c.Height > file.CodedHeight {
			t.Fatalf("cut to %+v of %d×%d", c, file.CodedWidth, file.CodedHeight)
		}
		if file.Orientation < 1 || file.Orientation > 8 || file.TileWidth <= 0 || file.TileHeight <= 0 {
			t.Fatalf("%+v", file)
		}
		changed := bytes.Clone(data)
		file.EditAlpha(changed)
		if len(changed) != len(data) {
			t.Fatal("other bytes")
		}
	})
}
