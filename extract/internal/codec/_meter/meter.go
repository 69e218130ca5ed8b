// Meter makes the embedded decoders of package codec from the WebAssembly that Go
// modules ship: it verifies their digests, changes and meters them, and writes
// NAME.wasm.zst beside package codec. Run it there:
//
//	go run ./_meter
//
// It needs the program zstd.
//
// A metered module counts down a global, exported as "fuel", at the start of each pass
// of each loop; whenever it arrives at 0 the module calls WASI's proc_exit with the code
// 0x6675656c, which the host takes as the question whether it may go on. So a decoder
// can be cancelled, and what it may do for a picture is bounded by a number of passes
// that is the same on every machine. The runtime's own way to do so makes decoding seven
// times slower, this one about a third.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
)

// A source is a module, and what is to be changed in it.
type source struct {
	name, module, file, digest string

	// old is there once, and is replaced.
	old, new []byte

	// unused are the first and the last of a library's functions that never run. No other
	// function calls them but through the table, into which only their own library puts
	// them.
	unused [2]int
}

var sources = []source{
	{
		"heif", "github.com/gen2brain/heic@v0.5.0", "lib/heif.wasm", "4381c9f68501e525d880b9c1ce224805847247ee6f85cb48fce49fda7c3e70f9",
		// A mistake: its heif.c asks libheif for the Cr plane with nowhere to put its
		// stride, which libheif 1.23 refuses: what is delivered as Cr is what lies at
		// address 0. With the Cb plane's place for it, which has the same stride:
		// i32.load offset=12; i32.const 2; (i32.const 0 → local.get 41; i32.const 8; i32.add); call 752
		[]byte{0x28, 2, 12, 0x41, 2, 0x41, 0, 0x10, 0xf0, 0x05},
		[]byte{0x28, 2, 12, 0x41, 2, 0x20, 41, 0x41, 8, 0x6a, 0x10, 0xf0, 0x05},
		[2]int{},
	},
	{
		"avif", "github.com/gen2brain/avif@v0.5.0", "lib/avif.wasm", "a158b939dabe612f37d1667a9ceea66db8c41c3f8320887bb1b5c3921ea0abd9",
		// No mistake: its avif.c makes RGBA of the picture, of twice its depth. Instead it
		// returns libavif's decoder with the picture's planes after avifDecoderNextImage:
		// (local.get 28; i32.const 12; i32.add; local.get 0; call avifRGBImageSetDefaults →
		// local.get 14; call avifDecoderNextImage; if; i32.const 0; return; end; local.get 14; return)
		[]byte{0x20, 28, 0x41, 12, 0x6a, 0x20, 0, 0x10, 36},
		[]byte{0x20, 14, 0x10, 89, 0x04, 0x40, 0x41, 0, 0x0f, 0x0b, 0x20, 14, 0x0f},
		// libaom, which encodes, with libavif's part that calls it. It makes two thirds of the
		// module, and of the time to compile it.
		[2]int{1077, 3930},
	},
}

// pack writes a compressed file. Of the compressors at hand zstd's own makes the smallest.
func pack(name string, data []byte) error {
	cmd := exec.Command("zstd", "--ultra", "-22", "-f", "-q", "-", "-o", name)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(data), os.Stderr
	return cmd.Run()
}

func main() {
	for _, s := range sources {
		out, err := exec.Command("go", "mod", "download", "-json", s.module).Output()
		if err != nil {
			log.Fatalf("download %s: %v", s.module, err)
		}
		var module struct{ Dir string }
		if err := json.Unmarshal(out, &module); err != nil {
			log.Fatal(err)
		}
		source, err := os.ReadFile(filepath.Join(module.Dir, s.file))
		if err != nil {
			log.Fatal(err)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(source)); got != s.digest {
			log.Fatalf("%s of %s has the SHA-256 %s, want %s", s.file, s.module, got, s.digest)
		}
		metered := meter(source, s)
		if err := pack(s.name+".wasm.zst", metered); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %d bytes, metered %d, SHA-256 %x\n", s.name, len(source), len(metered), sha256.Sum256(metered))
	}
}
