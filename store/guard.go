package store

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// damage is a panic with what was found wrong with a bucket about to be read. It
// never leaves the package.
type damage struct{ err error }

// guard turns three kinds of panic into ErrCorrupt: damage; those raised within
// bbolt, which panics on some damaged files; and faults on reading the mapped file,
// which come when another program truncates it or its disk fails. Other panics are
// bugs and go on. Use: defer guard(panicOnFault(), &err). (A guard that returned a
// function would allocate, on every minibatch.)
func guard(was bool, err *error) {
	debug.SetPanicOnFault(was)
	r := recover()
	if r == nil {
		return
	}
	if d, ok := r.(damage); ok {
		*err = d.err
		return
	}
	if !isFault(r) && !raisedInBolt() {
		panic(r)
	}
	*err = fmt.Errorf("%w: %v", ErrCorrupt, r)
}

// panicOnFault makes faults of this goroutine panics and returns what they were.
func panicOnFault() bool { return debug.SetPanicOnFault(true) }

// isFault tells a fault on mapped memory from other panics: only the former knows
// an address. A nil pointer's does not count.
func isFault(r any) bool {
	f, ok := r.(interface{ Addr() uintptr })
	return ok && f.Addr() >= 4096
}

// raisedInBolt tells whether the panic being recovered began in bbolt's code.
func raisedInBolt() bool {
	pc := make([]uintptr, 64)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") {
			return strings.HasPrefix(f.Function, "go.etcd.io/bbolt")
		}
		if !more {
			return false
		}
	}
}
