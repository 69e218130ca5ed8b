package cli

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// marshal is json.Marshal, but keeps names of files that are not UTF-8: their bytes become
// what Python's os.fsdecode makes of them, \udc80 to \udcff, instead of one and the same
// \ufffd. Python opens the file by the name it reads; other readers, which take no lone
// surrogates, see U+FFFD as before. Characters that would do something to a terminal are
// escaped, which means the same.
func marshal(v any) ([]byte, error) {
	line, err := json.Marshal(v)
	if err == nil && bytes.Contains(line, []byte(`\ufffd`)) {
		line, err = json.Marshal(withMarks(reflect.ValueOf(v)).Interface())
		line = escapeMarks(line)
	}
	if err == nil && !harmless(string(line), "") {
		line = escapeControls(line)
	}
	return line, err
}

// While encoding/json handles them, bytes that are not text are marked by the last
// characters of a private-use plane. A name that contains such characters itself is
// treated the same: it comes out as its own bytes.
const (
	firstMark = 0x10FF80
	markBase  = firstMark - 0x80
)

// withMarks returns a copy of v with its strings marked.
func withMarks(v reflect.Value) reflect.Value {
	if !v.IsValid() || encodesItself(v.Type()) {
		return v
	}
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.String:
		out.SetString(mark(v.String()))
		return out
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return v
		}
		if v.Kind() == reflect.Interface {
			out.Set(withMarks(v.Elem()))
			return out
		}
		out.Set(reflect.New(v.Type().Elem()))
		out.Elem().Set(withMarks(v.Elem()))
		return out
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice {
			if v.IsNil() {
				return v
			}
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		}
		for i := range v.Len() {
			out.Index(i).Set(withMarks(v.Index(i)))
		}
		return out
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		out.Set(reflect.MakeMap(v.Type()))
		for key, value := range v.Seq2() {
			out.SetMapIndex(withMarks(key), withMarks(value))
		}
		return out
	case reflect.Struct:
		out.Set(v)
		for i := range v.NumField() {
			if out.Field(i).CanSet() {
				out.Field(i).Set(withMarks(v.Field(i)))
			}
		}
		return out
	}
	return v
}

func encodesItself(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

// mark puts marks for the bytes that are not text.
func mark(s string) string {
	var b strings.Builder
	for rest := s; rest != ""; {
		r, n := utf8.DecodeRuneInString(rest)
		if r == utf8.RuneError && n == 1 || r >= firstMark {
			for i := range n {
				b.WriteRune(markBase + rune(rest[i]))
			}
		} else {
			b.WriteString(rest[:n])
		}
		rest = rest[n:]
	}
	return b.String()
}

// escapeControls writes the characters that JSON allows as they are, but that must not
// reach a terminal, as JSON's escapes. They all are below U+FFFF, and in strings.
func escapeControls(line []byte) []byte {
	var out []byte
	for rest := line; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if moves(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = append(out, rest[:n]...)
		}
		rest = rest[n:]
	}
	return out
}

// escapeMarks writes marks as JSON's escapes of lone surrogates.
func escapeMarks(line []byte) []byte {
	var out []byte
	for len(line) > 0 {
		r, n := utf8.DecodeRune(line)
		if r >= firstMark {
			out = fmt.Appendf(out, `\u%04x`, 0xDC00+r-markBase)
		} else {
			out = append(out, line[:n]...)
		}
		line = line[n:]
	}
	return out
}
