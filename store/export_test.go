package store

import "context"

// WithFault returns opt with a function that may fail each step that writes.
func WithFault(opt Options, fault func(step string) error) Options {
	opt.fault = fault
	return opt
}

// SetFault is WithFault for an open store.
func SetFault(db *DB, fault func(step string) error) { db.opt.fault = fault }

// DecodeImage decodes b as the record of an image.
func DecodeImage(b []byte) (Image, error) {
	var r imageRecord
	if err := decode(b, &r); err != nil {
		return Image{}, err
	}
	return r.image()
}

// DecodeRecords decodes b as each kind of record.
func DecodeRecords(b []byte) {
	tx := &Tx{db: &DB{format: 1}} // without seals, which no fuzzing would get past
	tx.decodeImage(1, []byte("p"), b)
	tx.decodeRoot(RootID(1).key(), b)
	tx.decodeModel("m", b)
	tx.decodeHead("h", b)
	tx.decodeFailure(1, []byte("f"), b)
	tx.decodeSplit(make([]byte, digestSize), b)
	unseal(b, headsBucket, []byte("h"))
	decode(b, new(resplitRecord))
}

// Seal seals a record, as another program might.
func Seal(v []byte, top string, keys ...string) []byte {
	var ks [][]byte
	for _, k := range keys {
		ks = append(ks, []byte(k))
	}
	return seal(v, []byte(top), ks...)
}

// Decode decodes b into v as a record.
func Decode(b []byte, v any) error { return decode(b, v) }

// CompactWithFault is Compact with a function that may fail each step.
func CompactWithFault(path string, fault func(step string) error) (before, after int64, err error) {
	return Compact(context.Background(), path, Options{fault: fault})
}
