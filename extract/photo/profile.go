package photo

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
)

// Where files of each format keep the ICC profile of their colours. A profile that is
// damaged is none: the photo is shown as it is stored.

// maxProfile is how large a profile may be that is looked at. Those of cameras and screens
// have some hundred bytes to some thousand.
const maxProfile = 1 << 20

// jpegProfile puts together the parts in APP2 segments, which count them from 1.
func jpegProfile(data []byte, _ *Scratch) []byte {
	const app2, sos, name = 0xe2, 0xda, "ICC_PROFILE\x00"
	var parts [256][]byte
	count := 0
	for at := 2; at+4 <= len(data) && data[at] == 0xff; {
		marker, size := data[at+1], int(binary.BigEndian.Uint16(data[at+2:]))
		if marker == 0xff { // fill
			at++
			continue
		}
		if marker == sos || size < 2 || at+2+size > len(data) {
			break
		}
		if c := data[at+4:][:size-2]; marker == app2 && len(c) > len(name)+2 && string(c[:len(name)]) == name {
			parts[c[len(name)]], count = c[len(name)+2:], int(c[len(name)+1])
		}
		at += 2 + size
	}
	if count == 1 {
		return parts[1]
	}
	var all []byte
	for i := 1; i <= count; i++ {
		if parts[i] == nil || len(all) > maxProfile {
			return nil
		}
		all = append(all, parts[i]...)
	}
	return all
}

// pngProfile is the content of iCCP: a name, a zero, the kind of compression, the profile.
func pngProfile(data []byte, _ *Scratch) []byte {
	c := pngChunk(data, "iCCP")
	end := bytes.IndexByte(c, 0)
	if end < 0 || end+2 > len(c) || c[end+1] != 0 {
		return nil
	}
	z, err := zlib.NewReader(bytes.NewReader(c[end+2:]))
	if err != nil {
		return nil
	}
	profile, err := io.ReadAll(io.LimitReader(z, maxProfile))
	if err != nil {
		return nil
	}
	return profile
}

func webpProfile(data []byte, _ *Scratch) []byte { return riffChunk(data, "ICCP") }

func heifProfile(_ []byte, s *Scratch) []byte { return s.heif.ICC }

// tiffProfile is the content of a tag of bytes, mostly of the kind "undefined".
func tiffProfile(data []byte, _ *Scratch) (profile []byte) {
	const tagProfile = 34675
	first := true
	eachDirectory(data, func(d directory) {
		for e := d.entries; first && len(e) >= 12; e = e[12:] {
			n, at := uint64(d.order.Uint32(e[4:])), uint64(d.order.Uint32(e[8:]))
			if d.order.Uint16(e) == tagProfile && n > 4 && at+n <= uint64(len(data)) {
				profile = data[at:][:n]
			}
		}
		first = false
	})
	return profile
}
