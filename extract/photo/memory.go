package photo

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/semaphore"

	"featstore/extract/internal/codec"
)

// DefaultMemory is how many bytes decoding may take where nothing else is said: 0.8
// GB. Half of that is enough for 100 megapixels of a baseline JPEG, and keeps a program
// that refuses a damaged picture at its end within 500 MB.
const DefaultMemory = (1 << 30) * 8 / 10

// A Memory is a number of bytes that photos being decoded share, those of all
// goroutines that were given it. What a photo needs is estimated from its header,
// before anything is allocated; a photo waits until so much is free. A photo that
// needs more than PhotoShare is refused.
//
// They also share the decoders of HEIC and AVIF, which are compiled for the first such
// photo.
type Memory struct {
	bytes  int64
	free   *semaphore.Weighted
	codecs codec.Set
}

// NewMemory returns a Memory of so many bytes.
func NewMemory(bytes int64) *Memory {
	return &Memory{bytes: bytes, free: semaphore.NewWeighted(bytes)}
}

// PhotoShare is how many bytes one photo may need, half of all: so at least two are
// decoded at a time.
func (m *Memory) PhotoShare() int64 {
	if m == nil {
		return DefaultMemory / 2
	}
	return m.bytes / 2
}

// wait returns once n bytes are free, and a function that gives them back.
func (m *Memory) wait(ctx context.Context, n int64) (done func(), err error) {
	if m == nil {
		return func() {}, ctx.Err()
	}
	if err := m.free.Acquire(ctx, n); err != nil {
		return nil, err
	}
	return func() { m.free.Release(n) }, nil
}

// decoders are those of HEIC and AVIF.
func (m *Memory) decoders(s *Scratch) *codec.Set {
	switch {
	case m != nil:
		return &m.codecs
	case s.codecs != nil:
		return s.codecs
	}
	return new(codec.Set)
}

// check refuses a photo that needs more than it may have.
func (m *Memory) check(h header, need int64) error {
	if need <= m.PhotoShare() {
		return nil
	}
	return fmt.Errorf("%w: its %d×%d pixels take %s, one photo may take %s", ErrMemory, h.w, h.h, memoryText(need), memoryText(m.PhotoShare()))
}

// memoryText writes a number of bytes in the unit of the flags, GB, or where that is
// little, in MB.
func memoryText(n int64) string {
	if n < 100<<20 {
		return fmt.Sprintf("%.2g MB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.2g GB", float64(n)/(1<<30))
}

const (
	// keepBytes is how much a Scratch may keep from one photo to the next.
	keepBytes = 48 << 20 // enough for 24 megapixels of 4:2:0

	// wasteBytes is how much a photo may leave to the garbage collector to find
	// when it likes.
	wasteBytes = 64 << 20
)

// release lets go of a photo after it was prepared: what is kept is not part of any
// photo's share of Memory. need is what the photo was estimated at.
func (s *Scratch) release(need int64) {
	s.reader.ph = nil
	s.photo = Photo{}
	s.heif, s.preview = nil, nil
	s.jpeg.Trim(keepBytes)
	if need > wasteBytes {
		// Otherwise the next one is allocated beside it, share or no share.
		runtime.GC()
	}
}
