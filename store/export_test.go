package store

import "context"

// WithFault returns opt with a function that may fail each step that writes.
func WithFault(opt Options, fault func(step string) error) Options {
	opt.fault = fault
	return opt
}

// SetFault is WithFault for an open store.
func SetFault(db *DB, fault func(step string) error) { db.fault = fault }

var (
	DecodeImage = decodeImage
	Uniform     = uniform
)

// DecodeRecords decodes b as each kind of record.
func DecodeRecords(b []byte) {
	decodeImage(b)
	decodeRoot(RootID(1).key(), b)
	decodeModel("m", b)
	decodeHead("h", b)
	decodeFailure([]byte("f"), b)
	decodeSplit(make([]byte, digestSize), b)
	decode(b, new(resplitRecord))
}

// Decode decodes b into v as a record.
func Decode(b []byte, v any) error { return decode(b, v) }

// CompactWithFault is Compact with a function that may fail each step.
func CompactWithFault(path string, fault func(step string) error) (before, after int64, err error) {
	return compact(context.Background(), path, Options{fault: fault})
}
