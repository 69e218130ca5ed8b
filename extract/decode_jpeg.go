package extract

import (
	"bytes"
	"image/jpeg"
)

var jpegFormat = format{name: "jpeg", header: jpegHeader, decode: decodeJPEG}

func jpegHeader(data []byte) (header, error) {
	c, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return header{}, err
	}
	return header{w: c.Width, h: c.Height, orientation: jpegOrientation(data)}, nil
}

func decodeJPEG(data []byte, h header, s *Scratch) (*Photo, error) {
	m, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return fromImage(m, colorYCbCr)
}

// jpegOrientation finds the EXIF block among the segments before the first scan.
func jpegOrientation(data []byte) orientation {
	const sos, app1 = 0xda, 0xe1
	for at := 2; at+4 <= len(data) && data[at] == 0xff; {
		marker := data[at+1]
		if marker == 0xff { // fill byte
			at++
			continue
		}
		n := int(data[at+2])<<8 | int(data[at+3])
		if marker == sos || n < 2 || at+2+n > len(data) {
			break
		}
		if seg := data[at+4 : at+2+n]; marker == app1 && bytes.HasPrefix(seg, []byte("Exif\x00")) {
			return exifOrientation(seg)
		}
		at += 2 + n
	}
	return upright
}
