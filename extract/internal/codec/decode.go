package codec

import "fmt"

// read copies the file into the module.
func (in *instance) read(data []byte) (at uint64, err error) {
	if at, err = in.allocated(len(data)); err != nil {
		return 0, err
	}
	if !in.module.Memory().Write(uint32(at), data) {
		return 0, ErrDamaged
	}
	return at, nil
}

// allocated is n bytes of the module.
func (in *instance) allocated(n int) (uint64, error) {
	at, err := in.call("malloc", uint64(n))
	if err == nil && at == 0 {
		err = ErrMemory
	}
	return at, err
}

// words reads numbers that the module has written.
func (in *instance) words(at uint64, into ...*uint32) {
	for i, w := range into {
		*w, _ = in.module.Memory().ReadUint32Le(uint32(at) + 4*uint32(i))
	}
}

// bytes is memory of the module.
func (in *instance) bytes(at uint64, n int) ([]byte, error) {
	b, ok := in.module.Memory().Read(uint32(at), uint32(n))
	if !ok {
		return nil, ErrDamaged
	}
	return b[:n:n], nil
}

// decode calls the module's decoder, which answers 0 for a file that it refuses.
func (in *instance) decode(args ...uint64) (answer uint64, err error) {
	answer, err = in.call("decode", args...)
	switch {
	case err != nil:
		return 0, err
	case answer == 0 && in.memory.refused:
		return 0, ErrMemory
	case answer == 0:
		return 0, ErrDamaged
	}
	return answer, nil
}

// Constants of libheif (heif_colorspace, heif_chroma).
const (
	heifYCbCr, heifRGB, heifMono    = 0, 1, 2
	heif420, heif422, heif444, rgba = 1, 2, 3, 11
)

// heic decodes with libheif: heif.c of the module's source says how.
func (in *instance) heic(data []byte, edit func([]byte)) (*Picture, error) {
	file, err := in.read(data)
	if err != nil {
		return nil, err
	}
	copied, err := in.bytes(file, len(data))
	if err != nil {
		return nil, err
	}
	edit(copied)
	info, err := in.allocated(5 * 4)
	if err != nil {
		return nil, err
	}
	args := []uint64{file, uint64(len(data)), 1, info, info + 4, info + 8, info + 12, info + 16, 0}
	if _, err := in.decode(args...); err != nil {
		return nil, err
	}
	var w, h, space, chroma, premultiplied uint32
	in.words(info, &w, &h, &space, &chroma, &premultiplied)
	p, size, err := heicLayout(int(w), int(h), space, chroma)
	if err != nil {
		return nil, err
	}
	p.Premultiplied = premultiplied != 0
	out, err := in.allocated(size)
	if err != nil {
		return nil, err
	}
	args[2], args[8] = 0, out
	if _, err := in.decode(args...); err != nil {
		return nil, err
	}
	pix, err := in.bytes(out, size)
	if err != nil {
		return nil, err
	}
	p.place(pix)
	return p, nil
}

// heicLayout is the picture that libheif will deliver, without its pixels, and its size in
// bytes.
func heicLayout(w, h int, space, chroma uint32) (p *Picture, size int, err error) {
	if w <= 0 || h <= 0 || w > 1<<16 || h > 1<<16 {
		return nil, 0, fmt.Errorf("%w: %d×%d pixels", ErrDamaged, w, h)
	}
	p = &Picture{Width: w, Height: h}
	switch {
	case space == heifMono:
		p.Layout = Gray
	case space == heifRGB && chroma == rgba:
		p.Layout = RGBA
	case space == heifYCbCr && chroma == heif420:
		p.Layout = YUV420
	case space == heifYCbCr && chroma == heif422:
		p.Layout = YUV422
	case space == heifYCbCr && chroma == heif444:
		p.Layout = YUV444
	default:
		return nil, 0, fmt.Errorf("%w: colours of kind %d, chroma of kind %d", ErrDamaged, space, chroma)
	}
	for i := range p.Planes {
		cw, ch := p.planeSize(i)
		if cw == 0 {
			break
		}
		p.Planes[i].Stride = heifStride(cw)
		size += p.Planes[i].Stride * ch
	}
	return p, size, nil
}

// heifStride is the length of libheif's rows of n bytes.
func heifStride(n int) int {
	const alignment, least = 16, 64
	return (max(n+n&1, least) + alignment - 1) / alignment * alignment
}

// planeSize is plane i's size, its width in bytes; 0 if there is none.
func (p *Picture) planeSize(i int) (w, h int) {
	w, h = p.Width, p.Height
	switch {
	case i == 0 && p.Layout == RGBA:
		return 4 * w, h
	case i == 0:
		return w, h
	case p.Layout == YUV420:
		return (w + 1) / 2, (h + 1) / 2
	case p.Layout == YUV422:
		return (w + 1) / 2, h
	case p.Layout == YUV444:
		return w, h
	}
	return 0, 0
}

// place gives the planes their parts of pix.
func (p *Picture) place(pix []byte) {
	for i := range p.Planes {
		if _, h := p.planeSize(i); p.Planes[i].Stride > 0 {
			n := p.Planes[i].Stride * h
			p.Planes[i].Pix, pix = pix[:n:n], pix[n:]
		}
	}
}

// avif decodes with libavif: avif.c of the module's source, as _meter changes it, returns
// the decoder with the picture.
func (in *instance) avif(data []byte) (*Picture, error) {
	file, err := in.read(data)
	if err != nil {
		return nil, err
	}
	info, err := in.allocated(4*4 + 8)
	if err != nil {
		return nil, err
	}
	decoder, err := in.decode(file, uint64(len(data)), 0, 0, info, info+4, info+8, info+12, info+16, 0)
	if err != nil {
		return nil, err
	}
	var m avifImage
	var at uint32
	in.words(decoder+avifDecoderImage, &at)
	in.words(uint64(at), &m.width, &m.height, &m.depth, &m.format, &m.fullRange, &m.position, &m.planes[0], &m.planes[1], &m.planes[2],
		&m.strides[0], &m.strides[1], &m.strides[2], &m.ownsPlanes, &m.alpha, &m.alphaStride, &m.ownsAlpha, &m.premultiplied,
		&m.icc, &m.iccSize, &m.primaries, &m.matrix)
	return in.avifPicture(&m)
}

// avifDecoderImage is where libavif's avifDecoder refers to its avifImage.
const avifDecoderImage = 44

// An avifImage is how libavif's begins, in words of 32 bits.
type avifImage struct {
	width, height, depth        uint32
	format, fullRange, position uint32
	planes, strides             [3]uint32
	ownsPlanes                  uint32
	alpha, alphaStride          uint32
	ownsAlpha, premultiplied    uint32
	icc, iccSize                uint32
	primaries                   uint32 // and transfer characteristics
	matrix                      uint32 // and more
}

func (in *instance) avifPicture(m *avifImage) (*Picture, error) {
	layouts := map[uint32]Layout{1: YUV444, 2: YUV422, 3: YUV420, 4: Gray}
	layout, ok := layouts[m.format]
	w, h := int(m.width), int(m.height)
	if !ok || w <= 0 || h <= 0 || w > 1<<16 || h > 1<<16 || m.depth < 8 || m.depth > 16 {
		return nil, fmt.Errorf("%w: %d×%d pixels of %d bits, kind %d", ErrDamaged, w, h, m.depth, m.format)
	}
	p := &Picture{Width: w, Height: h, Layout: layout, Premultiplied: m.premultiplied != 0, Matrix: int(m.matrix & 0xffff), FullRange: m.fullRange != 0}
	var err error
	for i := range p.Planes {
		if cw, ch := p.planeSize(i); cw > 0 {
			if p.Planes[i], err = in.plane(m.planes[i], m.strides[i], cw, ch, m.depth); err != nil {
				return nil, err
			}
		}
	}
	if m.alpha != 0 {
		p.Alpha, err = in.plane(m.alpha, m.alphaStride, w, h, m.depth)
	}
	return p, err
}

// plane is a plane of w×h samples, of which 8 bits are kept.
func (in *instance) plane(at, stride uint32, w, h int, depth uint32) (Plane, error) {
	bytes := 1
	if depth > 8 {
		bytes = 2
	}
	if int(stride) < w*bytes {
		return Plane{}, ErrDamaged
	}
	pix, err := in.bytes(uint64(at), int(stride)*(h-1)+w*bytes)
	if err != nil {
		return Plane{}, err
	}
	if depth > 8 {
		for y := range h {
			narrow(pix[y*int(stride):][:2*w], depth)
		}
	}
	return Plane{Pix: pix, Stride: int(stride)}, nil
}

// narrow keeps the upper 8 of little-endian samples of so many bits, in place, as libavif
// does.
func narrow(b []byte, depth uint32) {
	for i := range len(b) / 2 {
		v := uint32(b[2*i]) | uint32(b[2*i+1])<<8
		b[i] = byte(min(255, v>>(depth-8)))
	}
}
