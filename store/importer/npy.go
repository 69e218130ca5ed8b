package importer

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// npyMagic is how an array's file begins.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
const npyMagic = "\x93NUMPY"

// Limits of an array's file.
const (
	mostHeader = 64 << 10 // bytes; NumPy itself reads 10,000 characters
	mostItem   = 1 << 20  // bytes of one value: texts of as many characters as a quarter
)

// An arrayHeader is what an array's file says of itself.
type arrayHeader struct {
	kind    byte // of a value: f, i, u, U, S or b
	size    int  // of a value, in bytes
	order   binary.ByteOrder
	shape   []int
	fortran bool
	start   int64 // where the values begin
}

// readHeader reads the beginning of an array's file of some size, and makes sure that the
// file has all values.
func readHeader(in io.ReaderAt, size int64) (h arrayHeader, err error) {
	var b [12]byte
	n, _ := in.ReadAt(b[:], 0)
	if n < 10 || string(b[:6]) != npyMagic {
		return h, fmt.Errorf("%w: it does not begin as an array", ErrSource)
	}
	length, at := int64(binary.LittleEndian.Uint16(b[8:])), int64(10)
	switch b[6] {
	case 1:
	case 2, 3:
		if n < 12 {
			return h, fmt.Errorf("%w: it ends in its header", ErrSource)
		}
		length, at = int64(binary.LittleEndian.Uint32(b[8:])), 12
	default:
		return h, fmt.Errorf("%w: an array of format %d, known are 1 to 3", ErrSource, b[6])
	}
	if length > mostHeader {
		return h, fmt.Errorf("%w: a header of %d bytes, at most %d are read", ErrSource, length, mostHeader)
	}
	text := make([]byte, length)
	if _, err := in.ReadAt(text, at); err != nil && err != io.EOF || at+length > size {
		return h, fmt.Errorf("%w: it ends in its header", ErrSource)
	}
	if err := h.parse(string(text)); err != nil {
		return h, fmt.Errorf("%w: %w", ErrSource, err)
	}
	h.start = at + length
	return h, h.fits(size)
}

// fits reports whether a file of some size has all values.
func (h *arrayHeader) fits(size int64) error {
	room := (size - h.start) / int64(h.size)
	count := int64(1)
	for _, n := range h.shape {
		if n == 0 {
			return nil
		}
		if count > room/int64(n) {
			return fmt.Errorf("%w: it is cut short: the shape is %v, and there are %d values", ErrSource, h.shape, room)
		}
		count *= int64(n)
	}
	return nil
}

// parse reads the literal of a Python dictionary with descr, fortran_order and shape.
func (h *arrayHeader) parse(text string) error {
	p := literal(text)
	seen := map[string]bool{}
	p.expect("{")
	for !p.next("}") {
		key, ok := p.quoted()
		if !ok || seen[key] || !p.next(":") {
			return fmt.Errorf("its header is no dictionary: %.40q", string(p))
		}
		seen[key] = true
		var err error
		switch key {
		case "descr":
			err = h.parseKind(&p)
		case "fortran_order":
			if h.fortran = p.next("True"); !h.fortran && !p.next("False") {
				err = fmt.Errorf("its header does not say fortran_order")
			}
		case "shape":
			err = h.parseShape(&p)
		default:
			err = fmt.Errorf("its header has a field %.40q", key)
		}
		if err != nil {
			return err
		}
		if !p.next(",") && !strings.HasPrefix(strings.TrimSpace(string(p)), "}") {
			return fmt.Errorf("its header is no dictionary: %.40q", string(p))
		}
	}
	if len(seen) != 3 {
		return fmt.Errorf("its header lacks descr, fortran_order or shape")
	}
	return nil
}

func (h *arrayHeader) parseKind(p *literal) error {
	descr, ok := p.quoted()
	if !ok {
		return fmt.Errorf("it has values of several fields: save each as an array of its own")
	}
	if strings.HasSuffix(descr, "O") {
		return fmt.Errorf("it has Python objects: save texts with numpy.array(list, dtype=str)")
	}
	if len(descr) < 3 {
		return fmt.Errorf("its values are %q: want numbers or texts", descr)
	}
	h.order = binary.LittleEndian
	if descr[0] == '>' {
		h.order = binary.BigEndian
	}
	n, err := strconv.Atoi(descr[2:])
	sizes, known := map[byte][]int{'f': {2, 4, 8}, 'i': {1, 2, 4, 8}, 'u': {1, 2, 4, 8}, 'b': {1}}[descr[1]]
	ok = err == nil && strings.IndexByte("<>=|", descr[0]) >= 0
	h.kind, h.size = descr[1], n
	switch {
	case ok && known:
		for _, size := range sizes {
			if size == n {
				return nil
			}
		}
	case ok && (h.kind == 'U' || h.kind == 'S') && n >= 0:
		if h.kind == 'U' {
			h.size *= 4
		}
		if n > mostItem || h.size > mostItem {
			return fmt.Errorf("its texts take %d bytes each, at most %d are read", h.size, mostItem)
		}
		if h.size = max(h.size, 1); n == 0 {
			return fmt.Errorf("its texts are all empty")
		}
		return nil
	}
	return fmt.Errorf("its values are %.40q: want numbers or texts", descr)
}

func (h *arrayHeader) parseShape(p *literal) error {
	if !p.next("(") {
		return fmt.Errorf("its header does not say the shape")
	}
	for !p.next(")") {
		n, ok := p.number()
		if !ok || len(h.shape) == 32 { // NumPy's limit
			return fmt.Errorf("its shape is not one of numbers")
		}
		h.shape = append(h.shape, n)
		if !p.next(",") && !strings.HasPrefix(strings.TrimSpace(string(*p)), ")") {
			return fmt.Errorf("its shape is not one of numbers")
		}
	}
	return nil
}

// A literal is the rest of a Python literal.
type literal string

// next takes a token if it comes next.
func (p *literal) next(token string) bool {
	rest, ok := strings.CutPrefix(strings.TrimSpace(string(*p)), token)
	if ok {
		*p = literal(rest)
	}
	return ok
}

func (p *literal) expect(token string) {
	if !p.next(token) {
		*p = ""
	}
}

func (p *literal) quoted() (string, bool) {
	s := strings.TrimSpace(string(*p))
	if s == "" || s[0] != '\'' && s[0] != '"' {
		return "", false
	}
	text, rest, ok := strings.Cut(s[1:], s[:1])
	*p = literal(rest)
	return text, ok
}

func (p *literal) number() (int, bool) {
	s := strings.TrimSpace(string(*p))
	n := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if n <= 0 {
		return 0, false
	}
	v, err := strconv.Atoi(s[:n])
	*p = literal(strings.TrimPrefix(s[n:], "L")) // of Python 2
	return v, err == nil
}

// An array reads the rows of an array's file, one after the other.
type array struct {
	arrayHeader
	file  *os.File
	width int // values a row
	in    *bufio.Reader
	row   []byte
}

// openNPY opens an array's file. It takes the file over.
func openNPY(f *os.File) (*array, error) {
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, withoutPath(err)
	}
	h, err := readHeader(f, info.Size())
	if err == nil && len(h.shape) == 0 {
		err = fmt.Errorf("%w: it is a single value", ErrSource)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	a := &array{arrayHeader: h, file: f, width: 1}
	for _, n := range h.shape[1:] {
		a.width *= n // fits bounds it, unless one of them is 0
	}
	return a, nil
}

func (a *array) rows() int { return a.shape[0] }

// rewind begins with the first row again.
func (a *array) rewind() error {
	if a.row == nil {
		a.row = make([]byte, a.width*a.size)
		a.in = bufio.NewReaderSize(nil, 1<<20)
	}
	a.in.Reset(io.NewSectionReader(a.file, a.start, math.MaxInt64-a.start))
	return nil
}

// next reads the bytes of the next row.
func (a *array) next() error {
	if _, err := io.ReadFull(a.in, a.row); err != nil {
		return fmt.Errorf("%w: it ends before its last row: %w", ErrSource, withoutPath(err))
	}
	return nil
}

// floats converts the row last read.
func (a *array) floats(dst []float32) {
	for i := range dst {
		b := a.row[i*a.size:]
		switch a.size {
		case 2:
			dst[i] = fromHalf(a.order.Uint16(b))
		case 4:
			dst[i] = math.Float32frombits(a.order.Uint32(b))
		case 8:
			dst[i] = float32(math.Float64frombits(a.order.Uint64(b)))
		}
	}
}

// text converts the row last read, of one value: a text, or a whole number.
func (a *array) text() (string, error) {
	switch a.kind {
	case 'S':
		return strings.TrimRight(string(a.row), "\x00"), nil
	case 'U':
		return a.unicode(), nil
	case 'b':
		return strconv.Itoa(int(a.row[0])), nil
	case 'f':
		v := make([]float32, 1)
		if a.floats(v); float64(v[0]) != math.Trunc(float64(v[0])) || math.Abs(float64(v[0])) > 1<<24 {
			return "", fmt.Errorf("%w: the value %v is no whole number", ErrSource, v[0])
		}
		return strconv.Itoa(int(v[0])), nil
	}
	var u uint64
	switch a.size {
	case 1:
		u = uint64(a.row[0])
	case 2:
		u = uint64(a.order.Uint16(a.row))
	case 4:
		u = uint64(a.order.Uint32(a.row))
	default:
		u = a.order.Uint64(a.row)
	}
	if a.kind == 'u' {
		return strconv.FormatUint(u, 10), nil
	}
	shift := 64 - 8*a.size
	return strconv.FormatInt(int64(u<<shift)>>shift, 10), nil
}

// unicode converts UTF-32. Lone surrogates are bytes that are no UTF-8, as Python's
// os.fsdecode writes them.
func (a *array) unicode() string {
	var b strings.Builder
	for i := 0; i < len(a.row); i += 4 {
		switch r := rune(a.order.Uint32(a.row[i:])); {
		case r >= 0xDC80 && r <= 0xDCFF:
			b.WriteByte(byte(r - 0xDC00))
		default:
			b.WriteRune(r)
		}
	}
	return strings.TrimRight(b.String(), "\x00")
}

// fromHalf converts a number of IEEE 754's binary16.
func fromHalf(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exponent {
	case 0: // fraction · 2⁻²⁴
		return math.Float32frombits(math.Float32bits(float32(fraction)/(1<<24)) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
