package codec

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// The modules, made by _meter.
var (
	//go:embed heif.wasm.zst
	heifModule []byte
	//go:embed avif.wasm.zst
	avifModule []byte
)

const pageBytes = 64 << 10

// A program is a module, compiled when it is first started.
type program struct {
	once    sync.Once
	runtime wazero.Runtime
	module  wazero.CompiledModule
	err     error
}

func (p *program) compile(packed []byte) {
	p.once.Do(func() {
		// Not the caller's context: what is compiled serves all.
		ctx := context.Background()
		module, err := unpack(packed)
		if err != nil {
			p.err = err
			return
		}
		features := api.CoreFeaturesV2 | experimental.CoreFeaturesThreads // for their atomics
		p.runtime = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCoreFeatures(features))
		if p.module, p.err = p.runtime.CompileModule(ctx, module); p.err == nil {
			_, p.err = p.host().Instantiate(ctx)
		}
	})
}

// host is what the module is given of the system: nothing. Each function of WASI that it
// imports answers that it does not exist, but for the one that stops it, and the one that
// says that there are no environment variables.
func (p *program) host() wazero.HostModuleBuilder {
	host := p.runtime.NewHostModuleBuilder("wasi_snapshot_preview1")
	for _, f := range p.module.ImportedFunctions() {
		_, name, _ := f.Import()
		does := missing
		switch name {
		case "proc_exit":
			does = procExit
		case "environ_sizes_get":
			does = noEnvironment
		}
		host.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(does), f.ParamTypes(), f.ResultTypes()).Export(name)
	}
	return host
}

// missing answers ENOSYS.
func missing(_ context.Context, _ api.Module, stack []uint64) {
	const enosys = 52
	stack[0] = enosys
}

// noEnvironment answers that there are 0 variables of 0 bytes.
func noEnvironment(_ context.Context, m api.Module, stack []uint64) {
	for _, at := range stack[:2] {
		m.Memory().WriteUint32Le(uint32(at), 0)
	}
	stack[0] = 0
}

func unpack(packed []byte) ([]byte, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return z.DecodeAll(packed, nil)
}

// An instance is a program that runs for one picture.
type instance struct {
	ctx    context.Context // with itself, for procExit
	module api.Module
	fuel   api.MutableGlobal
	memory linearMemory
	work   int64 // that is left
	failed error // why it was stopped
}

type instanceKey struct{}

func (p *program) start(ctx context.Context, packed []byte, lim Limits) (*instance, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p.compile(packed); p.err != nil {
		return nil, fmt.Errorf("compile the decoder: %w", p.err)
	}
	if lim.Memory < int64(p.module.ExportedMemories()["memory"].Min())*pageBytes {
		return nil, ErrMemory
	}
	in := &instance{work: lim.Work, memory: linearMemory{limit: uint64(lim.Memory)}}
	in.ctx = context.WithValue(ctx, instanceKey{}, in)
	in.ctx = experimental.WithMemoryAllocator(in.ctx, experimental.MemoryAllocatorFunc(in.allocate))
	module, err := p.runtime.InstantiateModule(in.ctx, p.module, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, in.because(err)
	}
	in.module = module
	in.fuel = module.ExportedGlobal("fuel").(api.MutableGlobal)
	in.refuel()
	if _, err := in.call("_initialize"); err != nil {
		in.close()
		return nil, err
	}
	return in, nil
}

func (in *instance) close() { in.module.Close(context.WithoutCancel(in.ctx)) }

// call calls an exported function of at most one result.
func (in *instance) call(name string, args ...uint64) (uint64, error) {
	result, err := in.module.ExportedFunction(name).Call(in.ctx, args...)
	if err != nil {
		return 0, in.because(err)
	}
	if len(result) == 0 {
		return 0, nil
	}
	return result[0], nil
}

// because is the error for a module that stopped.
func (in *instance) because(err error) error {
	switch {
	case in.failed != nil:
		return in.failed
	case in.memory.refused:
		return ErrMemory
	}
	return fmt.Errorf("%w: it stopped: %v", ErrDamaged, firstLine(err))
}

func firstLine(err error) string {
	line, _, _ := bytes.Cut([]byte(err.Error()), []byte("\n"))
	return string(line)
}

const (
	fuelCode = 0x6675656c // see _meter
	fuelStep = 1 << 14    // passes of loops until the module asks again, a fraction of a millisecond
)

var errStopped = errors.New("stopped")

// procExit is what a module calls when its fuel is used up, or when it gives up.
func procExit(ctx context.Context, _ api.Module, stack []uint64) {
	code := uint32(stack[0])
	in := ctx.Value(instanceKey{}).(*instance)
	switch {
	case code != fuelCode:
		in.failed = fmt.Errorf("%w: it gives up with code %d", ErrDamaged, code)
	case in.ctx.Err() != nil:
		in.failed = in.ctx.Err()
	case in.work <= 0:
		in.failed = ErrWork
	default:
		in.refuel()
		return
	}
	panic(errStopped)
}

func (in *instance) refuel() {
	step := min(max(in.work, 1), fuelStep)
	in.work -= step
	if in.fuel != nil {
		in.fuel.Set(uint64(step))
	}
}

// allocate is called once, when the module is instantiated.
func (in *instance) allocate(_, _ uint64) experimental.LinearMemory { return &in.memory }

// linearMemory is a module's memory: allocated at once, so that it never moves, and
// refused beyond limit. The operating system gives pages when they are written to first.
type linearMemory struct {
	limit   uint64
	bytes   []byte
	refused bool
}

func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > m.limit {
		m.refused = true
		return nil
	}
	if m.bytes == nil {
		m.bytes = make([]byte, m.limit/pageBytes*pageBytes)
	}
	return m.bytes[:size]
}

// Free leaves the memory to the garbage collector: a Picture may still use it.
func (m *linearMemory) Free() {}
