package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log"
	"slices"
)

// Sections and kinds of the binary format (WebAssembly 2.0, 5.5).
const (
	sectionImport = 2
	sectionGlobal = 6
	sectionExport = 7
	sectionCode   = 10

	kindFunc, kindTable, kindMemory, kindGlobal = 0, 1, 2, 3

	typeI64 = 0x7e
)

// fuelCode is what proc_exit is called with when fuel is used up.
const fuelCode = 0x6675656c

// meter returns the module, changed, with its fuel counted.
func meter(module []byte, s source) []byte {
	fuel, ask := globals(module), procExit(module)
	out := slices.Clone(module[:8])
	for r := (&reader{b: module, at: 8}); r.at < len(r.b); {
		id, content := r.section()
		switch id {
		case sectionGlobal: // one more: mut i64, which starts at 0
			content = appended(content, []byte{typeI64, 1, 0x42, 0, 0x0b})
		case sectionExport:
			entry := append([]byte{4}, "fuel"...)
			content = appended(content, binary.AppendUvarint(append(entry, kindGlobal), fuel))
		case sectionCode:
			content = meterCode(content, check(fuel, ask), importedFunctions(module), s)
		}
		out = append(out, id)
		out = binary.AppendUvarint(out, uint64(len(content)))
		out = append(out, content...)
	}
	return out
}

// check is the code at the start of a loop's pass.
func check(fuel, ask uint64) []byte {
	global := func(op byte) []byte { return binary.AppendUvarint([]byte{op}, fuel) }
	const get, set, i32const, i64const, i64sub, i64eqz, ifThen, empty, call, end = 0x23, 0x24, 0x41, 0x42, 0x7d, 0x50, 0x04, 0x40, 0x10, 0x0b
	code := append(global(get), i64const, 1, i64sub)
	code = append(code, global(set)...)
	code = append(code, global(get)...)
	code = append(code, i64eqz, ifThen, empty, i32const)
	code = appendSigned(code, fuelCode)
	code = binary.AppendUvarint(append(code, call), ask)
	return append(code, end)
}

func appendSigned(b []byte, v int64) []byte {
	for {
		low := byte(v & 0x7f)
		v >>= 7
		if v == 0 && low&0x40 == 0 || v == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}

// appended adds an entry to a section that is a vector.
func appended(content, entry []byte) []byte {
	r := &reader{b: content}
	n := r.u()
	return append(append(binary.AppendUvarint(nil, n+1), content[r.at:]...), entry...)
}

// globals is how many globals there are, imported and own.
func globals(module []byte) uint64 {
	var n uint64
	imports(module, func(kind byte, _ string) {
		if kind == kindGlobal {
			n++
		}
	})
	for r := (&reader{b: module, at: 8}); r.at < len(r.b); {
		if id, content := r.section(); id == sectionGlobal {
			return n + (&reader{b: content}).u()
		}
	}
	log.Fatal("the module has no globals")
	return 0
}

// procExit is the index of the function that asks.
func procExit(module []byte) (index uint64) {
	found, n := false, uint64(0)
	imports(module, func(kind byte, name string) {
		if kind == kindFunc {
			if name == "proc_exit" {
				index, found = n, true
			}
			n++
		}
	})
	if !found {
		log.Fatal("the module does not import proc_exit")
	}
	return index
}

func imports(module []byte, each func(kind byte, name string)) {
	for r := (&reader{b: module, at: 8}); r.at < len(r.b); {
		id, content := r.section()
		if id != sectionImport {
			continue
		}
		r := &reader{b: content}
		for range r.u() {
			r.bytes(int(r.u()))
			name := string(r.bytes(int(r.u())))
			kind := r.byte()
			each(kind, name)
			switch kind {
			case kindFunc:
				r.u()
			case kindGlobal:
				r.bytes(2)
			default:
				log.Fatalf("import %s of kind %d", name, kind)
			}
		}
	}
}

func meterCode(content, check []byte, imported int, s source) []byte {
	if n := bytes.Count(content, s.old); n != 1 {
		log.Fatalf("what is to be changed in %s is there %d times", s.module, n)
	}
	r := &reader{b: content}
	n := r.u()
	out := binary.AppendUvarint(nil, n)
	for i := range int(n) {
		body := bytes.Replace(r.bytes(int(r.u())), s.old, s.new, 1)
		if s.isUnused(imported + i) {
			body = trap
		} else {
			s.checkCalls(body)
			body = meterBody(body, check)
		}
		out = binary.AppendUvarint(out, uint64(len(body)))
		out = append(out, body...)
	}
	return out
}

// trap is a function that must not run: no locals, unreachable, end.
var trap = []byte{0, 0x00, 0x0b}

func (s *source) isUnused(f int) bool { return s.unused[0] <= f && f <= s.unused[1] && f > 0 }

// checkCalls refuses a function that calls an unused one.
func (s *source) checkCalls(body []byte) {
	r := &reader{b: body}
	r.locals()
	for r.at < len(body) {
		if body[r.at] == 0x10 {
			if f := (&reader{b: body, at: r.at + 1}).u(); s.isUnused(int(f)) {
				log.Fatalf("function %d of %s is used", f, s.module)
			}
		}
		r.instruction()
	}
}

func importedFunctions(module []byte) (n int) {
	imports(module, func(kind byte, _ string) {
		if kind == kindFunc {
			n++
		}
	})
	return n
}

// meterBody puts check behind each loop instruction of a function.
func meterBody(body, check []byte) []byte {
	r := &reader{b: body}
	r.locals()
	out := slices.Clone(body[:r.at])
	for r.at < len(body) {
		start := r.at
		loop := body[start] == 0x03
		r.instruction()
		out = append(out, body[start:r.at]...)
		if loop {
			out = append(out, check...)
		}
	}
	return out
}

// A reader reads the binary format.
type reader struct {
	b  []byte
	at int
}

func (r *reader) byte() byte {
	r.at++
	return r.b[r.at-1]
}

func (r *reader) bytes(n int) []byte {
	r.at += n
	return r.b[r.at-n : r.at]
}

func (r *reader) u() uint64 {
	v, n := binary.Uvarint(r.b[r.at:])
	if n <= 0 {
		log.Fatal("a number is damaged")
	}
	r.at += n
	return v
}

// s skips a signed number.
func (r *reader) s() {
	for r.byte()&0x80 != 0 {
	}
}

// locals skips what a function begins with.
func (r *reader) locals() {
	for range r.u() {
		r.u()
		r.byte()
	}
}

func (r *reader) section() (id byte, content []byte) {
	id = r.byte()
	return id, r.bytes(int(r.u()))
}

// instruction skips one instruction.
func (r *reader) instruction() {
	switch op := r.byte(); {
	case op >= 0x02 && op <= 0x04: // block, loop, if: their type
		r.s()
	case op == 0x0c, op == 0x0d, op == 0x10, op == 0x12, op >= 0x20 && op <= 0x26, op == 0x3f, op == 0x40, op == 0xd2:
		r.u()
	case op == 0x0e: // br_table
		for range r.u() + 1 {
			r.u()
		}
	case op == 0x11, op >= 0x28 && op <= 0x3e: // call_indirect, loads and stores
		r.u()
		r.u()
	case op == 0x1c:
		r.bytes(int(r.u()))
	case op == 0x41, op == 0x42:
		r.s()
	case op == 0x43:
		r.bytes(4)
	case op == 0x44:
		r.bytes(8)
	case op == 0xd0:
		r.byte()
	case op == 0xfc:
		r.bulk()
	case op == 0xfd:
		r.vector()
	case op == 0xfe:
		r.atomic()
	case op == 0x00, op == 0x01, op == 0x05, op == 0x0b, op == 0x0f, op == 0x1a, op == 0x1b, op >= 0x45 && op <= 0xc4, op == 0xd1:
	default:
		log.Fatal(fmt.Sprintf("unknown instruction %#x", op))
	}
}

func (r *reader) bulk() {
	switch op := r.u(); op {
	case 0, 1, 2, 3, 4, 5, 6, 7:
	case 8, 10, 12, 14:
		r.u()
		r.u()
	case 9, 11, 13, 15, 16, 17:
		r.u()
	default:
		log.Fatalf("unknown instruction 0xfc %d", op)
	}
}

func (r *reader) vector() {
	switch op := r.u(); {
	case op <= 11, op == 92, op == 93:
		r.u()
		r.u()
	case op == 12, op == 13:
		r.bytes(16)
	case op >= 21 && op <= 34:
		r.byte()
	case op >= 84 && op <= 91:
		r.u()
		r.u()
		r.byte()
	}
}

func (r *reader) atomic() {
	if op := r.u(); op == 3 {
		r.byte()
		return
	}
	r.u()
	r.u()
}
