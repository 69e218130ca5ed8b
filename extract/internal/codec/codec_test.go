package codec

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

var enough = Limits{Memory: 64 << 20, Work: 1e9}

func unedited([]byte) {}

func picture(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("../../photo/testdata/heif/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestModules: the modules are those that NOTICE.md describes.
func TestModules(t *testing.T) {
	notice, err := os.ReadFile("NOTICE.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, packed := range map[string][]byte{"heif": heifModule, "avif": avifModule} {
		module, err := unpack(packed)
		if err != nil {
			t.Fatal(err)
		}
		if digest := fmt.Sprintf("%x", sha256.Sum256(module)); !bytes.Contains(notice, []byte(digest)) {
			t.Errorf("%s.wasm has the SHA-256 %s, which NOTICE.md does not name", name, digest)
		}
	}
}

// TestLimits: a decoder that needs more than it may have is stopped, and so is one whose
// context ends while it works.
func TestLimits(t *testing.T) {
	var s Set
	heic := func(ctx context.Context, lim Limits) error {
		_, err := s.HEIC(ctx, picture(t, "444.heic"), unedited, lim)
		return err
	}
	avif := func(ctx context.Context, lim Limits) error {
		_, err := s.AVIF(ctx, picture(t, "444.avif"), lim)
		return err
	}
	for name, decode := range map[string]func(context.Context, Limits) error{"heic": heic, "avif": avif} {
		if err := decode(t.Context(), enough); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := decode(t.Context(), Limits{Memory: enough.Memory, Work: 1000}); !errors.Is(err, ErrWork) {
			t.Errorf("%s with little work: got %v", name, err)
		}
		for _, memory := range []int64{-1, 0, 1 << 16} {
			if err := decode(t.Context(), Limits{Memory: memory, Work: enough.Work}); !errors.Is(err, ErrMemory) {
				t.Errorf("%s in %d bytes: got %v", name, memory, err)
			}
		}
		ctx := &endingContext{Context: t.Context(), after: 2}
		if err := decode(ctx, Limits{Memory: enough.Memory, Work: enough.Work}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a context that ends: got %v", name, err)
		}
	}
}

// An endingContext ends when it is asked for the third time whether it has.
type endingContext struct {
	context.Context
	after int
}

func (c *endingContext) Err() error {
	if c.after--; c.after < 0 {
		return context.Canceled
	}
	return nil
}

// TestNoPicture: whatever the bytes, an error, and a decoder that goes on to work.
func TestNoPicture(t *testing.T) {
	var s Set
	for _, data := range [][]byte{nil, {0}, []byte(strings.Repeat("ftyp", 100)), picture(t, "420.heic")[:200], picture(t, "420.avif")[:200]} {
		if _, err := s.HEIC(t.Context(), data, unedited, enough); !errors.Is(err, ErrDamaged) {
			t.Errorf("HEIC of %d bytes: got %v", len(data), err)
		}
		if _, err := s.AVIF(t.Context(), data, enough); !errors.Is(err, ErrDamaged) {
			t.Errorf("AVIF of %d bytes: got %v", len(data), err)
		}
	}
	if p, err := s.HEIC(t.Context(), picture(t, "420.heic"), unedited, enough); err != nil || p.Width != 61 || p.Height != 45 || p.Layout != YUV420 {
		t.Errorf("afterwards: %+v, %v", p, err)
	}
}
