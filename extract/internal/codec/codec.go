// Package codec decodes HEVC and AV1 pictures, the contents of HEIC and AVIF files, with
// libheif, libde265, libavif and dav1d, compiled to WebAssembly and embedded.
//
// # Model
//
// A Set holds the decoders. Each is compiled to machine code when it is first needed,
// once for all goroutines, which takes about a second; a program that never meets such a
// picture pays nothing. Every picture gets an instance of its own, whose memory goes
// with the result: nothing is left from one picture to the next.
//
// # Promises
//
// No library of the system is used, so a picture's pixels are the same on every
// machine: WebAssembly's arithmetic is exact. A decoder sees the file's bytes and
// nothing else: no files, clock, environment or network. Its memory is allocated at once,
// and bounded by Limits.Memory. It may do Limits.Work passes of loops, which are counted
// the same on every machine, and stops soon after the context is done. Whatever a hostile
// file makes of it ends in an error.
//
// NOTICE.md names what is embedded, and its licences.
package codec

import (
	"context"
	"errors"
)

// Why a picture gave no pixels.
var (
	ErrDamaged = errors.New("the decoder refuses it")
	ErrMemory  = errors.New("the decoder wants more memory than its header lets expect")
	ErrWork    = errors.New("the decoder takes longer than its header lets expect")
)

// Limits bounds what decoding a picture may cost.
type Limits struct {
	Memory int64 // bytes, of the decoder with its copy of the file and its result
	Work   int64 // passes of loops
}

// A Layout says what the planes of a Picture mean.
type Layout uint8

const (
	Gray   Layout = iota // luma
	YUV420               // luma; chroma at half the width and height
	YUV422               // luma; chroma at half the width
	YUV444
	RGBA // one plane of four bytes a pixel
)

// A Picture is decoded. Its planes share the memory of the decoder, which is freed with
// them.
type Picture struct {
	Width, Height int
	Layout        Layout
	Planes        [3]Plane

	// Alpha is the opacity, if it has one that is no part of RGBA. Premultiplied colours
	// are multiplied by it already.
	Alpha         Plane
	Premultiplied bool

	// Matrix and FullRange are how luma and chroma mean colours, by ITU-T H.273. Only AVIF
	// sets them.
	Matrix    int
	FullRange bool
}

// A Plane is one channel, rows of Stride bytes.
type Plane struct {
	Pix    []byte
	Stride int
}

// A Set holds the decoders. The zero value is ready, and safe for concurrent use.
type Set struct {
	heif, avif program
}

// HEIC decodes a file's primary picture, cut and turned as the file says, without opacity:
// to luma and chroma in 8 bits, as JFIF has them whatever the file. edit may change the
// decoder's copy of the file first.
func (s *Set) HEIC(ctx context.Context, data []byte, edit func(data []byte), lim Limits) (*Picture, error) {
	in, err := s.heif.start(ctx, heifModule, lim)
	if err != nil {
		return nil, err
	}
	defer in.close()
	return in.heic(data, edit)
}

// AVIF decodes a file's primary picture, of a sequence the first one: to luma, chroma and
// opacity as they are stored, in 8 bits, neither cut nor turned.
func (s *Set) AVIF(ctx context.Context, data []byte, lim Limits) (*Picture, error) {
	in, err := s.avif.start(ctx, avifModule, lim)
	if err != nil {
		return nil, err
	}
	defer in.close()
	return in.avif(data)
}
