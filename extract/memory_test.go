package extract

import (
	"context"
	"image/color"
	"path/filepath"
	"runtime"
	"testing"

	"featstore/extract/internal/zoo"
	"featstore/extract/photo"
)

// live returns the bytes of the heap that something still refers to.
func live() int {
	runtime.GC()
	runtime.GC() // what the first one's finalizers let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// What a network holds is its packed weights, once: neither the file nor the graph nor
// anything in between. What an extractor holds besides is the planned arena, a photo
// and its pixels.
func TestMemoryOfARun(t *testing.T) {
	for _, name := range []string{"mobilenet_v2_1.0_224_quant.onnx", "nsfwjs_inception_v3.onnx", "efficientnet_lite0_fp16.onnx"} {
		t.Run(name, func(t *testing.T) { checkMemory(t, filepath.Join(shared(t, "models"), name)) })
	}
	for _, name := range []string{"vitb16-attention", "swint-dynamo", "resnet18-qdq"} { // with nodes that run by reference
		t.Run(name, func(t *testing.T) {
			v, err := zoo.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			checkMemory(t, writeZoo(t, v.Small()))
		})
	}
}

func checkMemory(t *testing.T, path string) {
	before := live()
	n, err := OpenNetwork(path, Manifest{Preprocess: photo.Settings{Preset: "unit"}})
	if err != nil {
		t.Fatal(err)
	}
	loaded := live()
	x, err := n.NewExtractor()
	if err != nil {
		t.Fatal(err)
	}
	stripes, dst := picture(t, color.White, 9), make([]float32, n.Info().Dim)
	for range 2 {
		if err := x.ExtractBytes(context.Background(), stripes, dst); err != nil {
			t.Fatal(err)
		}
	}
	running := live()
	s := n.program.Stats()
	pixels := 4 * n.info.Preprocess.Len()
	worker := s.ArenaBytes + s.WorkerBytes
	t.Logf("%d kB after loading for %d kB of weights; %d kB an extractor for %d kB of activations and %d kB of pixels",
		(loaded-before)>>10, s.WeightBytes>>10, (running-loaded)>>10, worker>>10, pixels>>10)
	const rest = 3 << 19 // plan, names, a decoder's tables; and the allocator rounds up by as much as a tenth
	if got, most := loaded-before, s.WeightBytes+s.WeightBytes/10+rest; got > most {
		t.Errorf("%d bytes are held after loading, for %d of weights", got, s.WeightBytes)
	}
	if got, most := running-loaded, worker+worker/20+pixels+rest; got > most {
		t.Errorf("%d bytes are held by an extractor, for %d of activations and %d of pixels", got, worker, pixels)
	}
	runtime.KeepAlive(x)
}

// A model file that was read holds its weights once: not the file's bytes beside them,
// of which some tensors lie as they can be used and others do not.
func TestMemoryOfAModelFile(t *testing.T) {
	v, err := zoo.Find("vgg16-torchscript")
	if err != nil {
		t.Fatal(err)
	}
	model := v.Build(zoo.Config{Size: 32, Width: 1. / 4})
	path, size := writeZoo(t, model), len(model.Data)
	model = nil
	before := live()
	m, err := OpenModel(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := live() - before; got < size*9/10 || got > size*11/10 {
		t.Errorf("%d kB are held, of a file of %d kB", got>>10, size>>10)
	}
	runtime.KeepAlive(m)
}

// BenchmarkLoad is the whole way from a file to a network that is ready.
func BenchmarkLoad(b *testing.B) {
	for _, name := range []string{"mobilenet_v2_1.0_224_quant.onnx", "efficientnet_lite0_fp16.onnx", "nsfwjs_inception_v3.onnx"} {
		b.Run(name, func(b *testing.B) {
			path := filepath.Join(shared(b, "models"), name)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := OpenNetwork(path, Manifest{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
