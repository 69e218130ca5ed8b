//go:build unix

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"featstore/store/storetest"
)

const jpegStart = "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"

// mostMemory is what a command may take until it refuses a single file.
const mostMemory = 500 << 20

// hostileFiles makes what no command may read to its end: it would take all memory, or
// for ever. The links lead to each of them.
func hostileFiles(t *testing.T) map[string]string {
	t.Helper()
	dir := storetest.Dir(t)
	files := map[string]string{"/dev/zero": "/dev/zero", "/dev/null": os.DevNull, "a folder": storetest.Dir(t)}
	sparse := func(name, start string, size int64) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(start), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Skip("no sparse files here:", err)
		}
		files[name] = path
	}
	sparse("250 MB behind a JPEG's start", jpegStart, 250e6)
	sparse("5 GB", "", 5<<30)
	sparse("1.9 GB", "", 19e8)
	sparse("250 MB", "", 250e6)
	sparse("1.9 GB behind a network's start", "\x08\x08\x12\x03abc", 19e8)
	const hole = 19e8 // a network whose fields are all in order, with a tensor of zeros
	tensor := "\x08" + string(binary.AppendUvarint(nil, hole/4)) + "\x10\x01\x42\x01W\x4a" + string(binary.AppendUvarint(nil, hole))
	graph := "\x2a" + string(binary.AppendUvarint(nil, uint64(len(tensor))+hole)) + tensor
	network := "\x08\x08\x3a" + string(binary.AppendUvarint(nil, uint64(len(graph))+hole)) + graph
	sparse("1.9 GB in a network's tensor", network, int64(len(network))+hole)
	sparse("120 MB behind a list's start", "path,split\nrose/1.jpg,train\n", 120e6)
	sparse("250 MB behind a zip's start", "PK\x03\x04", 250e6)
	sparse("1.9 GB behind a tar's start", tarStart(t), 19e8)
	files["a bomb"] = filepath.Join(dir, "bomb.tgz")
	if err := os.WriteFile(files["a bomb"], gzipBomb(t), 0o666); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Skip("no pipes here:", err)
	}
	files["a pipe"] = pipe
	if runtime.GOOS == "linux" {
		files["/proc"] = "/proc/self/maps"
	}
	for name, path := range files {
		link := filepath.Join(dir, "link to "+strings.ReplaceAll(name, "/", "_"))
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		files["a link to "+name] = link
	}
	return files
}

// tarStart is the header of a photo of almost 2 GB in a tar archive.
func tarStart(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := tar.NewWriter(&b).WriteHeader(&tar.Header{Name: "rose/1.jpg", Mode: 0o644, Size: 19e8 - 1024}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// gzipBomb is a small tar.gz with a photo of zeros.
func gzipBomb(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, tarStart(t))
	for chunk := make([]byte, 1<<20); err == nil && b.Len() < 300_000; {
		_, err = z.Write(chunk)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Whatever a name leads to, a command that gets it ends in little memory: it refuses the
// file, or has no use for it. A test that hangs here is one that waits for a pipe.
func TestHostileFiles(t *testing.T) {
	photos, db := drawSome(t, 4)
	for _, args := range [][]string{{"ingest", photos, "--size", "64"}, {"train", "--steps", "20"}} {
		p := start(t, append(args, "--store", db, "-q")...)
		if stderr, status := p.end(); status.ExitStatus() != 0 {
			t.Fatalf("%q: %s", args, stderr)
		}
	}
	other := filepath.Join(storetest.Dir(t), "other.db")
	rows, lines := filepath.Join(storetest.Dir(t), "features.npy"), filepath.Join(storetest.Dir(t), "labels.txt")
	const header = "\x93NUMPY\x01\x00\x3c\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1)}  \n"
	if err := errors.Join(os.WriteFile(rows, []byte(header+"12345678"), 0o666), os.WriteFile(lines, []byte("0\n0\n"), 0o666)); err != nil {
		t.Fatal(err)
	}
	files := hostileFiles(t)
	commands := []string{ // each with the file instead of X
		"predict X --store DB",
		"predict PHOTO --model X --store DB",
		"models inspect X",
		"models quantize X --photos PHOTOS -o NEW",
		"models quantize default --size 64 --photos X -o NEW",
		"ingest X --store OTHER",
		"ingest PHOTOS --model X --store OTHER",
		"ingest PHOTOS --split-file X --store OTHER",
		"ingest PHOTOS --labels X --store OTHER",
		"ingest PHOTOS --label-names X --store OTHER",
		"import X --store OTHER",
		"import ROWS --labels X --store OTHER",
		"import ROWS --labels LINES --photos X --store OTHER",
		"predict --features X --store DB",
		"split --file X --store DB",
		"forget X --store DB",
		"stats --store X",
		"bench --only network --model X",
		"bench --only decode --photos X",
		"evaluate --store X",
	}
	for name, path := range files {
		if testing.Short() && (strings.HasPrefix(name, "a link") || strings.HasPrefix(name, "1.9")) {
			continue
		}
		for _, command := range commands {
			var args []string
			for _, word := range strings.Fields(command) {
				switch word {
				case "X":
					word = path
				case "DB":
					word = db
				case "OTHER":
					word = other
				case "NEW":
					word = filepath.Join(storetest.Dir(t), "new.onnx")
				case "ROWS":
					word = rows
				case "LINES":
					word = lines
				case "PHOTOS":
					word = photos
				case "PHOTO":
					word = filepath.Join(photos, "rose", "rose_000.jpg")
				}
				args = append(args, word)
			}
			p := start(t, args...)
			stderr, status := p.end()
			told := fmt.Sprintf("%s (X is %s): exit code %d, %s", command, name, status.ExitStatus(), stderr)
			if !status.Exited() || status.ExitStatus() == 0 || !strings.Contains(stderr, "featstore: ") {
				t.Errorf("want an error: %s", told)
			}
			if most := maxMemory(p); most > mostMemory {
				t.Errorf("%d MB: %s", most>>20, told)
			}
			if _, err := os.Stat(other); err == nil {
				t.Fatalf("a store was made: %s", told)
			}
		}
	}
	storetest.CheckFile(t, db)
}

// maxMemory is the most memory that a process had.
func maxMemory(p *process) int64 {
	most := int64(p.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
	if runtime.GOOS != "darwin" {
		most <<= 10 // counted in KiB
	}
	return most
}

// A folder with such files among its photos is ingested without them.
func TestHostileFilesAmongPhotos(t *testing.T) {
	photos, db := drawSome(t, 2)
	at := filepath.Join(photos, "rose")
	if err := unix.Mkfifo(filepath.Join(at, "pipe.jpg"), 0o600); err != nil {
		t.Skip("no pipes here:", err)
	}
	for name, size := range map[string]int64{"large.jpg": 5 << 30, "zeros.jpg": 200e6, "large": 5 << 30} {
		if err := os.WriteFile(filepath.Join(at, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(at, name), size); err != nil {
			t.Skip("no sparse files here:", err)
		}
	}
	if err := os.Symlink("/dev/zero", filepath.Join(at, "zero.jpg")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"ingest", photos, "--size", "64"}, {"ingest", photos}, {"train", "--steps", "20"}, {"predict", photos}} {
		p := start(t, append(args, "--store", db)...)
		stderr, status := p.end()
		want := 3
		if args[0] == "train" {
			want = 0
		}
		if status.ExitStatus() != want {
			t.Errorf("%q: exit code %d, %s", args, status.ExitStatus(), stderr)
		}
		if most := maxMemory(p); most > mostMemory {
			t.Errorf("%q: %d MB, %s", args, most>>20, stderr)
		}
	}
	storetest.CheckFile(t, db)
}

// The first Ctrl-C ends a command that waits for standard input, and the store is not
// held meanwhile.
func TestInterruptWaitingForInput(t *testing.T) {
	photos, db := drawSome(t, 4)
	for _, args := range [][]string{{"ingest", photos, "--size", "64"}, {"train", "--steps", "20"}} {
		p := start(t, append(args, "--store", db, "-q")...)
		if stderr, status := p.end(); status.ExitStatus() != 0 {
			t.Fatalf("%q: %s", args, stderr)
		}
	}
	for _, args := range [][]string{{"predict", "-"}, {"split", "--file", "-"}, {"ingest", photos, "--split-file", "-"}} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		p := startWith(t, read, append(args, "--store", db)...)
		// More than a pipe holds can be written only when somebody reads.
		begin := jpegStart + strings.Repeat("\x00", 1<<20)
		if _, err := write.Write([]byte(begin)); err != nil {
			t.Fatal(err)
		}
		writer := start(t, "split", "--salt", args[0], "--store", db, "-q")
		if stderr, status := writer.end(); status.ExitStatus() != 0 {
			t.Errorf("while %q waits: %s", args, stderr)
		}
		p.Process.Signal(os.Interrupt)
		if stderr, status := p.end(); status.ExitStatus() != 130 || !strings.Contains(stderr, "interrupted") {
			t.Errorf("%q: exit code %d, %s", args, status.ExitStatus(), stderr)
		}
		read.Close()
		write.Close()
	}
	storetest.CheckFile(t, db)
}

// cutPNG returns a PNG of w×h pixels of noise, RGB of some depth. Only its first rows
// are there, but enough that more could be: that it is damaged shows when all of it has
// been allocated.
func cutPNG(t *testing.T, w, h int, depth, interlaced byte, rows int) []byte {
	t.Helper()
	var raw bytes.Buffer
	z, err := zlib.NewWriterLevel(&raw, zlib.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	row := make([]byte, 1+3*w*int(depth)/8)
	noise := rand.New(rand.NewPCG(1, uint64(h)))
	for range rows {
		for i := range row[1:] {
			row[1+i] = byte(noise.Uint32())
		}
		if _, err := z.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	out := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(name string, content []byte) {
		out = binary.BigEndian.AppendUint32(out, uint32(len(content)))
		out = append(append(out, name...), content...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[len(out)-len(content)-4:]))
	}
	ihdr := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(h))
	chunk("IHDR", append(ihdr, depth, 2, 0, 0, interlaced))
	chunk("IDAT", raw.Bytes())
	chunk("IEND", nil)
	return out
}

// Photos that would take gigabytes are refused in little memory, one by one, and many
// workers that meet large ones wait for each other.
func TestHostilePhotos(t *testing.T) {
	photos, db := drawSome(t, 4)
	for _, args := range [][]string{{"ingest", photos, "--size", "64"}, {"train", "--steps", "20"}} {
		p := start(t, append(args, "--store", db, "-q")...)
		if stderr, status := p.end(); status.ExitStatus() != 0 {
			t.Fatalf("%q: %s", args, stderr)
		}
	}
	frame := "VP8 \x0e\x00\x00\x00\x10\x00\x00\x9d\x01\x2a\xff\x3f\xff\x3f\x00\x00\x00\x00" // 16383×16383
	webp := "WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00ANIM\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"ANMF\x26\x00\x00\x00" + strings.Repeat("\x00", 16) + frame
	for name, c := range map[string]struct{ data, want string }{
		"WebP":                    {"RIFF" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(webp)))) + webp, "first frame is 16383×16383, not 1×1"},
		"interlaced PNG, 16 bits": {string(cutPNG(t, 10000, 10000, 16, 1, 50)), "one photo may take 0.4 GB"},
		"PNG, 16 bits":            {string(cutPNG(t, 10000, 5000, 16, 0, 50)), "truncated|not enough pixel data|unexpected EOF"},
		"PNG":                     {string(cutPNG(t, 10000, 10000, 8, 0, 50)), "truncated|not enough pixel data|unexpected EOF"},
	} {
		file := filepath.Join(storetest.Dir(t), "photo.png")
		if err := os.WriteFile(file, []byte(c.data), 0o666); err != nil {
			t.Fatal(err)
		}
		p := start(t, "predict", file, "--store", db)
		stderr, status := p.end()
		if status.ExitStatus() != 1 || !regexp.MustCompile(c.want).MatchString(stderr) {
			t.Errorf("%s: exit code %d, %s", name, status.ExitStatus(), stderr)
		}
		if most := maxMemory(p); most > mostMemory {
			t.Errorf("%s: %d MB, %s", name, most>>20, stderr)
		}
	}
	for i := range 8 {
		data := cutPNG(t, 7000, 7000+i, 8, 0, 50) // 200 MB each
		if err := os.WriteFile(filepath.Join(photos, "rose", fmt.Sprint("large", i, ".png")), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	p := start(t, "ingest", photos, "--store", db, "--workers", "8")
	stderr, status := p.end()
	if status.ExitStatus() != 3 {
		t.Errorf("eight workers: exit code %d, %s", status.ExitStatus(), stderr)
	}
	if most := maxMemory(p); most > 1200<<20 { // 0.8 GB of photos, the network eight times
		t.Errorf("eight workers: %d MB, %s", most>>20, stderr)
	}
	storetest.CheckFile(t, db)
}
