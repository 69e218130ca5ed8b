package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A member is what a test puts into an archive.
type member struct {
	name, text string
	kind       byte // of tar; 0 for a file
}

func tarOf(members ...member) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.text)), Typeflag: tar.TypeReg}
		if m.kind != 0 {
			h.Typeflag, h.Size, h.Linkname = m.kind, 0, m.text
		}
		if err := w.WriteHeader(h); err != nil {
			panic(err)
		}
		if m.kind == 0 {
			io.WriteString(w, m.text)
		}
	}
	w.Close()
	return b.Bytes()
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

func zipOf(change func(*zip.FileHeader), members ...member) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		create := w.CreateHeader
		if change != nil { // to something that no writer would write
			h.Method, h.CRC32 = zip.Store, crc32.ChecksumIEEE([]byte(m.text))
			h.CompressedSize64, h.UncompressedSize64 = uint64(len(m.text)), uint64(len(m.text))
			change(h)
			create = w.CreateRaw
		}
		f, err := create(h)
		if err != nil {
			panic(err)
		}
		io.WriteString(f, m.text)
	}
	w.Close()
	return b.Bytes()
}

func open(t testing.TB, name string, data []byte) (*Archive, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	a, err := Open(context.Background(), path, func() {})
	if err == nil {
		t.Cleanup(func() { a.Close() })
	}
	return a, err
}

// contents are the entries with what they hold, or why they cannot be read.
func contents(a *Archive) string {
	var b strings.Builder
	for i, e := range a.Entries {
		r, err := a.OpenEntry(i)
		var data []byte
		if err == nil {
			data, err = io.ReadAll(r)
			err = errors.Join(err, r.Close())
		}
		if err == nil && int64(len(data)) != e.Size {
			err = errors.New("other size")
		}
		fmt.Fprintf(&b, "%s=%s", e.Name, data)
		if err != nil {
			fmt.Fprintf(&b, "!%v", err)
		}
		b.WriteString(" ")
	}
	return b.String()
}

// Whatever is in an archive: all kinds give the same, and no name leads out of it.
func TestEntries(t *testing.T) {
	members := []member{
		{name: "a/1.jpg", text: "one"}, {name: "/a/2.jpg", text: "two"}, {name: "../../etc/3.jpg", text: "bad"}, {name: "./b//4.jpg", text: ""},
		{name: `c\5.jpg`, text: "five"}, {name: "a/1.jpg", text: "later"}, {name: "a/./6.jpg", text: strings.Repeat("6", 3000)},
	}
	want := "a/2.jpg=two b/4.jpg= c/5.jpg=five a/1.jpg=later a/6.jpg=" + strings.Repeat("6", 3000) + " "
	for name, data := range map[string][]byte{"x.zip": zipOf(nil, members...), "x.tar": tarOf(members...), "x.tgz": gzipped(tarOf(members...))} {
		a, err := open(t, name, data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := contents(a); got != want || a.Damage != nil {
			t.Errorf("%s: %q, damage %v", name, got, a.Damage)
		}
		if len(a.LeftOut) != 2 || !errors.Is(a.LeftOut[0].Err, ErrUnsafe) || !errors.Is(a.LeftOut[1].Err, errReplaced) {
			t.Errorf("%s: left out %v", name, a.LeftOut)
		}
		for i := len(a.Entries) - 1; i >= 0; i-- { // against the order
			r, err := a.OpenEntry(i)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if data, err := io.ReadAll(r); err != nil || int64(len(data)) != a.Entries[i].Size {
				t.Errorf("%s: %s: %d bytes, %v", name, a.Entries[i].Name, len(data), err)
			}
			r.Close()
		}
		if got := a.Sequential(); got != (name == "x.tgz") {
			t.Errorf("%s: sequential %v", name, got)
		}
	}
}

func TestTarLeavesLinksOut(t *testing.T) {
	a, err := open(t, "x.tar", tarOf(member{"a/", "", tar.TypeDir}, member{"a/1.jpg", "one", 0}, member{"a/2.jpg", "/etc/passwd", tar.TypeSymlink},
		member{"a/3.jpg", "a/1.jpg", tar.TypeLink}, member{"a/dev", "", tar.TypeChar}))
	if err != nil || len(a.LeftOut) != 2 || contents(a) != "a/1.jpg=one " || len(a.Folders) != 1 || a.Folders[0] != "a" {
		t.Errorf("%+v: %v", a, err)
	}
}

func TestZipNamesWhatItCannotRead(t *testing.T) {
	a, err := open(t, "x.zip", zipOf(func(h *zip.FileHeader) {
		switch h.Name {
		case "1":
			h.Flags |= encryptedFlag
		case "2":
			h.Method = 99
		case "3":
			h.CRC32++
		case "4":
			h.UncompressedSize64++
		}
	}, member{name: "1", text: "x"}, member{name: "2", text: "x"}, member{name: "3", text: "x"}, member{name: "4", text: "x"}, member{name: "gr\x81n", text: "x"}))
	if err != nil {
		t.Fatal(err)
	}
	if !errors.Is(a.Entries[0].Err, ErrEncrypted) || !errors.Is(a.Entries[1].Err, ErrMethod) || a.Entries[4].Name != "grün" {
		t.Errorf("%+v", a.Entries)
	}
	for i := range 4 {
		r, err := a.OpenEntry(i)
		if err == nil {
			_, err = io.ReadAll(r)
			r.Close()
		}
		if err == nil {
			t.Errorf("%s was read", a.Entries[i].Name)
		}
	}
}

// What is whole in an archive that was cut short is read, wherever that was; what is not is
// an error.
func TestCutShort(t *testing.T) {
	whole := tarOf(member{name: "1", text: strings.Repeat("a", 700)}, member{name: "2", text: strings.Repeat("b", 512)})
	for _, name := range []string{"x.tar", "x.tgz"} {
		data := whole
		if name == "x.tgz" {
			data = gzipped(whole)
		}
		for n := 0; n < len(data); n += 5 {
			if name == "x.tar" && n >= 512+1024+512+512+512 { // all but some of the end mark
				break
			}
			a, err := open(t, name, data[:n])
			if err != nil {
				continue // nothing is whole
			}
			if a.Damage == nil {
				t.Fatalf("%s, %d of %d bytes: no damage", name, n, len(data))
			}
			for i, e := range a.Entries {
				r, err := a.OpenEntry(i)
				if errors.Is(err, ErrCut) {
					continue
				}
				if err != nil {
					t.Fatalf("%s, %d bytes: %v", name, n, err)
				}
				if got, err := io.ReadAll(r); err != nil || len(got) != int(e.Size) {
					t.Fatalf("%s, %d bytes: %s has %d: %v", name, n, e.Name, len(got), err)
				}
				r.Close()
			}
		}
	}
	if _, err := open(t, "x.zip", zipOf(nil, member{name: "1", text: "x"})[:60]); !errors.Is(err, ErrDamaged) {
		t.Errorf("zip: %v", err)
	}
}

// Little files that unpack to very much, and those with very many entries, are refused soon.
func TestBombs(t *testing.T) {
	var zeros bytes.Buffer
	z := gzip.NewWriter(&zeros)
	w := tar.NewWriter(z)
	w.WriteHeader(&tar.Header{Name: "1.jpg", Mode: 0o644, Size: 1 << 30})
	chunk := make([]byte, 1<<20)
	for range 200 {
		w.Write(chunk)
	}
	z.Close()
	if _, err := open(t, "x.tgz", zeros.Bytes()); !errors.Is(err, ErrBomb) {
		t.Errorf("gzip: %v", err)
	}
	lies := zipOf(func(h *zip.FileHeader) { h.UncompressedSize64 = 1 << 40 }, member{name: "1.jpg", text: "x"})
	if _, err := open(t, "x.zip", lies); !errors.Is(err, ErrBomb) {
		t.Errorf("zip: %v", err)
	}
	l := &lister{ctx: t.Context(), archive: &Archive{Entries: make([]Entry, MaxEntries)}}
	if err := l.add("one more", Entry{}); !errors.Is(err, ErrTooMany) {
		t.Errorf("entries: %v", err)
	}
}

func TestChangedWhileOpen(t *testing.T) {
	data := tarOf(member{name: "1", text: "one"})
	a, err := open(t, "x.tar", data)
	if err != nil {
		t.Fatal(err)
	}
	r, err := a.OpenEntry(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(a.path, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); !errors.Is(err, ErrChanged) {
		t.Errorf("closed: %v", err)
	}
	if _, err := a.OpenEntry(0); !errors.Is(err, ErrChanged) {
		t.Errorf("opened again: %v", err)
	}
}

func TestWhatIsAnArchive(t *testing.T) {
	dir := t.TempDir()
	for name, is := range map[string]bool{"a.ZIP": true, "b.tar.gz": true, "c.jpg": false, "zip": true, "tgz": true, "tar": true, "none": false} {
		data := map[string][]byte{"zip": zipOf(nil), "tgz": gzipped(nil), "tar": tarOf(member{name: "x"})}[name]
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		if got := Is(path); got != is {
			t.Errorf("%s: %v", name, got)
		}
	}
	if Stem("a.tar.gz") != "a" || Stem("b.Zip") != "b" || Stem("zip") != "zip" {
		t.Error("stems")
	}
	if _, err := open(t, "x.zip", []byte("no archive")); !errors.Is(err, ErrNotArchive) {
		t.Error(err)
	}
	if _, err := open(t, "x.gz", gzipped([]byte(strings.Repeat("text", 300)))); !errors.Is(err, ErrNotArchive) {
		t.Error(err)
	}
}

// Names stay within the archive.
func TestCleanName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[./\\a\x00é]{0,12}`).Draw(t, "name")
		clean, err := cleanName(name)
		if err != nil {
			if !errors.Is(err, ErrUnsafe) {
				t.Fatal(err)
			}
			return
		}
		if strings.HasPrefix(clean, "/") || clean != "." && !filepath.IsLocal(clean) {
			t.Fatalf("%q became %q", name, clean)
		}
	})
}

// Any bytes give entries, or an error, and entries are never larger than they say.
func FuzzOpen(f *testing.F) {
	members := []member{{name: "a/1.jpg", text: "one"}, {name: "a/2.cls", text: "2"}}
	whole := tarOf(members...)
	for _, data := range [][]byte{zipOf(nil, members...), whole, gzipped(whole), whole[:1200], gzipped(whole)[:60],
		tarOf(member{"a", "b", tar.TypeSymlink}, member{"../x", "y", 0})} {
		f.Add(data)
	}
	path := filepath.Join(f.TempDir(), "x.tar")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		a, err := Open(context.Background(), path, func() {})
		if err != nil {
			return
		}
		defer a.Close()
		for i, e := range a.Entries {
			if e.Name == "" || strings.HasPrefix(e.Name, "/") || e.Size < 0 {
				t.Fatalf("entry %+v", e)
			}
			if i > 20 {
				break
			}
			r, err := a.OpenEntry(i)
			if err != nil {
				continue
			}
			n, err := io.Copy(io.Discard, io.LimitReader(r, 1<<20))
			if err == nil && n > e.Size {
				t.Fatalf("%s has %d bytes and says %d", e.Name, n, e.Size)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
