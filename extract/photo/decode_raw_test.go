package photo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image/jpeg"
	"slices"
	"strings"
	"testing"
)

// A rawDirectory is one of a raw photo made for tests.
type rawDirectory struct {
	tags map[uint16]uint32
	sub  []rawDirectory
}

// rawFile writes directories, each the next of the one before, and blobs, to whose places
// values refer as blobAt + index.
func rawFile(order binary.AppendByteOrder, magic string, chain []rawDirectory, blobs ...[]byte) []byte {
	out := []byte("II*\x00\x00\x00\x00\x00")
	if order.String() == "BigEndian" {
		out = []byte("MM\x00*\x00\x00\x00\x00")
	}
	out = append(out, magic...)
	places := make([]uint32, len(blobs))
	for i, b := range blobs {
		places[i] = uint32(len(out))
		out = append(out, b...)
	}
	fixed := order.(binary.ByteOrder)
	var write func(d rawDirectory) uint32
	write = func(d rawDirectory) uint32 {
		tags := map[uint16]uint32{}
		for k, v := range d.tags {
			if v >= blobAt {
				v = places[v-blobAt]
			}
			tags[k] = v
		}
		var subs []uint32
		for _, s := range d.sub {
			subs = append(subs, write(s))
		}
		list := uint32(len(out))
		for _, s := range subs {
			out = order.AppendUint32(out, s)
		}
		if len(subs) > 0 {
			tags[tagSubDirectories] = list
			if len(subs) == 1 {
				tags[tagSubDirectories] = subs[0]
			}
		}
		at := uint32(len(out))
		out = order.AppendUint16(out, uint16(len(tags)))
		keys := make([]uint16, 0, len(tags))
		for k := range tags {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			count := uint32(1)
			if k == tagSubDirectories {
				count = uint32(len(subs))
			}
			out = order.AppendUint32(order.AppendUint16(order.AppendUint16(out, k), 4), count)
			out = order.AppendUint32(out, tags[k])
		}
		out = order.AppendUint32(out, 0)
		return at
	}
	link := 4
	for _, d := range chain {
		at := write(d)
		fixed.PutUint32(out[link:], at)
		link = len(out) - 4
	}
	return out
}

const blobAt = 0xf0000000

func encodeJPEG(t testing.TB, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, pattern(w, h), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestRawPhotos: of every kind the largest whole JPEG is shown, turned as the raw photo
// says.
func TestRawPhotos(t *testing.T) {
	small, large := encodeJPEG(t, 8, 6), encodeJPEG(t, 24, 16)
	lossless := bytes.Replace(encodeJPEG(t, 40, 30), []byte{0xff, 0xc0}, []byte{0xff, 0xc3}, 1)
	length := func(b []byte) uint32 { return uint32(len(b)) }
	jpegAt := func(i uint32, b []byte) map[uint16]uint32 {
		return map[uint16]uint32{tagJPEGOffset: blobAt + i, tagJPEGLength: length(b)}
	}
	strip := func(i uint32, b []byte, compression, photometric uint32) map[uint16]uint32 {
		return map[uint16]uint32{tagStripOffsets: blobAt + i, tagStripByteCounts: length(b), tagCompression: compression, tagPhotometric: photometric}
	}
	with := func(m map[uint16]uint32, tag uint16, v uint32) map[uint16]uint32 { m[tag] = v; return m }
	sensor := strip(2, lossless, compressionJPEG, photometricSensor)
	blobs := [][]byte{small, large, lossless}
	le, be := binary.AppendByteOrder(binary.LittleEndian), binary.AppendByteOrder(binary.BigEndian)
	for name, data := range map[string][]byte{
		"DNG": rawFile(le, "", []rawDirectory{{with(with(strip(0, small, compressionJPEG, 6), tagDNGVersion, 1), tagOrientation, 6),
			[]rawDirectory{{tags: sensor}, {tags: strip(1, large, compressionJPEG, 6)}}}}, blobs...),
		"CR2": rawFile(le, "CR\x02\x00\x00\x00\x00\x00", []rawDirectory{{tags: with(strip(1, large, compressionOldJPEG, 6), tagOrientation, 6)},
			{tags: jpegAt(0, small)}, {tags: strip(2, lossless, compressionOldJPEG, 6)}}, blobs...),
		"NEF": rawFile(be, "", []rawDirectory{{map[uint16]uint32{tagOrientation: 6}, []rawDirectory{{tags: jpegAt(1, large)},
			{tags: strip(2, lossless, compressionNikon, photometricSensor)}}}, {tags: jpegAt(0, small)}}, blobs...),
		"ARW": rawFile(le, "", []rawDirectory{{with(jpegAt(1, large), tagOrientation, 6), []rawDirectory{{tags: strip(2, lossless, compressionSony, photometricSensor)}}},
			{tags: jpegAt(0, small)}}, blobs...),
	} {
		format, w, h, err := DecodeConfig(data)
		if format != "raw" || w != 16 || h != 24 || err != nil {
			t.Errorf("%s: %s of %d×%d, %v", name, format, w, h, err)
			continue
		}
		upright, _, _ := plain(t, withEXIF(large, 6))
		if got, _, _ := plain(t, data); maxDiff(got, float64s(upright)) != 0 {
			t.Errorf("%s has other pixels than its JPEG", name)
		}
	}
	for name, data := range map[string][]byte{
		"only a sensor's":   rawFile(le, "", []rawDirectory{{tags: sensor}}, blobs...),
		"a cut off JPEG":    rawFile(le, "", []rawDirectory{{tags: sensor}, {tags: jpegAt(0, small[:len(small)-2])}}, small[:len(small)-2], nil, lossless),
		"beyond its end":    rawFile(le, "", []rawDirectory{{tags: sensor}, {tags: map[uint16]uint32{tagJPEGOffset: 1 << 20, tagJPEGLength: 100}}}, blobs...),
		"of a huge length":  rawFile(le, "", []rawDirectory{{tags: sensor}, {tags: map[uint16]uint32{tagJPEGOffset: 8, tagJPEGLength: 0xefffffff}}}, blobs...),
		"of no length said": rawFile(le, "", []rawDirectory{{tags: sensor}, {tags: map[uint16]uint32{tagJPEGOffset: 8}}}, blobs...),
	} {
		if _, _, _, err := DecodeConfig(data); !errors.Is(err, ErrUnsupportedFormat) || !strings.Contains(err.Error(), "without a whole JPEG") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// withEXIF puts an orientation into a JPEG.
func withEXIF(data []byte, orientation byte) []byte {
	exif := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00")
	exif[6+19] = orientation
	return withSegment(data, 0xe1, exif)
}

// withSegment puts a segment at a JPEG's beginning.
func withSegment(data []byte, marker byte, content []byte) []byte {
	out := append(bytes.Clone(data[:2]), 0xff, marker)
	out = binary.BigEndian.AppendUint16(out, uint16(2+len(content)))
	return append(append(out, content...), data[2:]...)
}

// FuzzRaw: whatever the directories, an end, and parts of the file.
func FuzzRaw(f *testing.F) {
	le := binary.AppendByteOrder(binary.LittleEndian)
	f.Add(rawFile(le, "CR\x02\x00", []rawDirectory{{tags: map[uint16]uint32{tagJPEGOffset: blobAt, tagJPEGLength: 6}}}, []byte("\xff\xd8\x00\x00\xff\xd9")))
	f.Add(rawFile(le, "", []rawDirectory{{map[uint16]uint32{tagDNGVersion: 1}, []rawDirectory{{}, {}}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		isRaw(data)
		for _, p := range rawPreviews(data) {
			if !bytes.HasPrefix(p, []byte("\xff\xd8")) || !bytes.HasSuffix(p, []byte("\xff\xd9")) {
				t.Fatalf("% x is no JPEG", p)
			}
		}
	})
}

// TestMainPicture: what follows a photo in its file, a second one, a gain map or a film,
// changes nothing.
func TestMainPicture(t *testing.T) {
	main, other := encodeJPEG(t, 24, 16), encodeJPEG(t, 32, 30)
	film := append([]byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42"), make([]byte, 500)...)
	xmp := []byte("http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta GCamera:MotionPhoto=\"1\" hdrgm:Version=\"1.0\"/>")
	mpf := []byte("MPF\x00II*\x00\x08\x00\x00\x00\x01\x00\x01\xb0\x04\x00\x01\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00")
	heic := readFile(t, "testdata/heif/420.heic")
	mpvd := append([]byte{0, 0, byte((len(film) + 8) >> 8), byte(len(film) + 8)}, "mpvd"...)
	lim := Limits{Memory: NewMemory(DefaultMemory)}
	for name, c := range map[string]struct{ alone, data []byte }{
		"MPO":               {main, slices.Concat(withSegment(main, 0xe2, mpf), other)},
		"Ultra HDR":         {main, slices.Concat(withSegment(withSegment(main, 0xe2, mpf), 0xe1, xmp), other)},
		"Motion Photo":      {main, slices.Concat(withSegment(main, 0xe1, xmp), film)},
		"Motion Photo HEIC": {heic, slices.Concat(heic, mpvd, film)},
	} {
		want, w, h := plainWithin(t, c.alone, lim)
		got, gw, gh := plainWithin(t, c.data, lim)
		if gw != w || gh != h || maxDiff(got, float64s(want)) != 0 {
			t.Errorf("%s: %d×%d or other pixels than those of the photo alone, %d×%d", name, gw, gh, w, h)
		}
	}
}
