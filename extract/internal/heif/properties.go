package heif

import (
	"bytes"
	"fmt"
)

// maxDepth is how deep items may be made of others.
const maxDepth = 4

// file puts together what the primary item's properties say.
func (m *meta) file() (*File, error) {
	it := m.items[m.primary]
	if it == nil || it.kind == "" {
		return nil, damaged("its primary picture is missing")
	}
	f := &File{Orientation: 1, Tiles: 1, Subsampling: Full, primary: m.primaryAt}
	w, h, err := m.size(it)
	if err != nil {
		return nil, err
	}
	f.CodedWidth, f.CodedHeight = w, h
	if err := m.transform(f, it); err != nil {
		return nil, err
	}
	coded, err := m.tiles(f, it, 0)
	if err != nil {
		return nil, err
	}
	f.Compression = coded.kind
	m.colors(f, it, coded)
	m.alpha(f)
	m.untransform(f)
	return f, nil
}

// size is an item's coded size.
func (m *meta) size(it *item) (w, h int, err error) {
	m.each(it, func(p box) {
		if p.kind == "ispe" && w == 0 {
			p.full()
			w, h = int(p.u32()), int(p.u32())
		}
	})
	const most = 1 << 20 // so that products are numbers
	if w <= 0 || h <= 0 || w > most || h > most {
		return 0, 0, damaged("it says that a picture has %d×%d pixels", w, h)
	}
	return w, h, nil
}

// tiles finds the item that is compressed, the first tile of a grid, and the sizes of all.
func (m *meta) tiles(f *File, it *item, depth int) (*item, error) {
	kind := map[string]string{"grid": "dimg", "iden": "dimg", "iovl": "dimg"}[it.kind]
	if kind == "" {
		w, h, err := m.size(it)
		f.TileWidth, f.TileHeight = max(f.TileWidth, w), max(f.TileHeight, h)
		return it, err
	}
	of := m.referred(kind, it.id)
	if len(of) == 0 || depth == maxDepth {
		return nil, damaged("a picture is made of others that are missing")
	}
	f.Tiles = max(f.Tiles, len(of))
	var first *item
	for _, id := range of {
		part := m.items[id]
		if part == nil || part.kind == "" {
			return nil, damaged("a tile of its picture is missing")
		}
		if first != nil && part.kind == first.kind {
			w, h, err := m.size(part)
			if err != nil {
				return nil, err
			}
			f.TileWidth, f.TileHeight = max(f.TileWidth, w), max(f.TileHeight, h)
			continue
		}
		if first != nil {
			return nil, fmt.Errorf("%w: its tiles are compressed in several ways", ErrUnsupported)
		}
		coded, err := m.tiles(f, part, depth+1)
		if err != nil {
			return nil, err
		}
		if first = coded; coded != part { // a grid of grids
			return coded, nil
		}
	}
	return first, nil
}

// transform reads how the picture is cut and turned.
func (m *meta) transform(f *File, it *item) (err error) {
	f.Crop = Rectangle{0, 0, f.CodedWidth, f.CodedHeight}
	m.each(it, func(p box) {
		switch p.kind {
		case "clap":
			if f.Orientation != 1 {
				err = fmt.Errorf("%w: it is cut after it is turned", ErrUnsupported)
				return
			}
			if cut, ok := cleanAperture(p, f.Crop); ok {
				f.Crop = cut
			} else {
				err = damaged("it is cut to a part that does not exist")
			}
		case "irot":
			for range p.u8() & 3 {
				f.Orientation = turnLeft[f.Orientation]
			}
		case "imir":
			if p.u8()&1 != 0 {
				f.Orientation = mirror[f.Orientation]
			} else {
				f.Orientation = flip[f.Orientation]
			}
		}
	})
	return err
}

// What EXIF's orientation becomes when an upright picture is turned left by 90°, mirrored
// left to right, and mirrored top to bottom.
var (
	turnLeft = [9]int{1: 8, 8: 3, 3: 6, 6: 1, 2: 5, 5: 4, 4: 7, 7: 2}
	mirror   = [9]int{1: 2, 2: 1, 3: 4, 4: 3, 5: 6, 6: 5, 7: 8, 8: 7}
	flip     = [9]int{1: 4, 4: 1, 2: 3, 3: 2, 5: 8, 8: 5, 6: 7, 7: 6}
)

// cleanAperture reads the part of a picture that is shown: its size and where its centre
// lies from the picture's, as fractions.
func cleanAperture(p box, all Rectangle) (Rectangle, bool) {
	var num, den [4]int64
	for i := range num {
		num[i], den[i] = int64(int32(p.u32())), int64(int32(p.u32()))
		if den[i] <= 0 {
			return all, false
		}
	}
	w, h := num[0]/den[0], num[1]/den[1]
	// left = (all − w)/2 + offset
	x := ((int64(all.Width)-w)*den[2] + 2*num[2]) / (2 * den[2])
	y := ((int64(all.Height)-h)*den[3] + 2*num[3]) / (2 * den[3])
	if p.short || w <= 0 || h <= 0 || x < 0 || y < 0 || x+w > int64(all.Width) || y+h > int64(all.Height) {
		return all, false
	}
	return Rectangle{all.X + int(x), all.Y + int(y), int(w), int(h)}, true
}

// colors reads the colours' profile and depth: what the picture's own properties do not
// say, those of its tiles do.
func (m *meta) colors(f *File, it, coded *item) {
	for _, from := range []*item{it, coded} {
		m.each(from, func(p box) {
			switch p.kind {
			case "colr":
				if kind := string(p.take(4)); (kind == "prof" || kind == "rICC") && f.ICC == nil {
					f.ICC = p.b
				}
			case "pixi":
				if p.full(); p.u8() > 0 && f.Depth == 0 {
					f.Depth = p.u8()
				}
			case "hvcC":
				f.hevcConfig(p.cursor)
			case "av1C":
				f.av1Config(p.cursor)
			}
		})
	}
}

// untransform lists the edits after which the primary picture and its opacity are as they
// are coded.
func (m *meta) untransform(f *File) {
	for _, id := range []uint32{m.primary, f.Alpha} {
		it := m.items[id]
		if it == nil {
			continue
		}
		size := -1 // the property that takes their place
		for _, a := range it.properties {
			if a.property < len(m.properties) && m.properties[a.property].kind == "ispe" {
				size = a.property
			}
		}
		for _, a := range it.properties {
			if a.property >= len(m.properties) || size < 0 {
				continue
			}
			switch m.properties[a.property].kind {
			case "clap", "irot", "imir":
				f.untransformed = append(f.untransformed, edit{a.at, uint32(size + 1)})
			}
		}
	}
}

// hevcConfig reads an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1).
func (f *File) hevcConfig(c cursor) {
	c.take(16)
	chroma, depth := c.u8()&3, c.u8()&7+8
	if !c.short {
		f.Subsampling, f.Depth = Subsampling(chroma), depth
	}
}

// av1Config reads an AV1CodecConfigurationRecord (AV1-ISOBMFF, 2.3.3).
func (f *File) av1Config(c cursor) {
	c.u16()
	flags := c.u8()
	if c.short {
		return
	}
	switch {
	case flags&0x10 != 0:
		f.Subsampling = Monochrome
	case flags&0x0c == 0x0c:
		f.Subsampling = Half
	case flags&0x08 != 0:
		f.Subsampling = HalfWidth
	}
	switch {
	case flags&0x40 == 0:
		f.Depth = 8
	case flags&0x20 == 0:
		f.Depth = 10
	default:
		f.Depth = 12
	}
}

// alpha finds the item of the primary picture's opacity.
func (m *meta) alpha(f *File) {
	for _, r := range m.references {
		if r.kind != "auxl" || len(r.to) == 0 || r.to[0] != m.primary || m.items[r.from] == nil {
			continue
		}
		m.each(m.items[r.from], func(p box) {
			if p.kind != "auxC" {
				return
			}
			p.full()
			switch kind, _, _ := bytes.Cut(p.b, []byte{0}); string(kind) {
			case "urn:mpeg:hevc:2015:auxid:1", "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha":
				f.Alpha = r.from
			}
		})
	}
	if f.Alpha != 0 {
		for _, id := range m.referred("prem", m.primary) {
			f.Premultiplied = f.Premultiplied || id == f.Alpha
		}
	}
}
