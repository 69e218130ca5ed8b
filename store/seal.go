package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	bolt "go.etcd.io/bbolt"
)

// A record is stored as two msgpack values: the record, and a seal, which is an ext
// value of application type 2 with four bytes. They are a CRC-32C over the name of
// the record's bucket, its keys and its own bytes, so that neither a changed record
// nor one that has come under another key passes for a good one.
const (
	fixext4Code = 0xd6
	sealType    = 2
	sealSize    = 6 // code, type, CRC
)

// seal appends its seal to a record. It may use the memory behind v.
func seal(v, top []byte, keys ...[]byte) []byte {
	v = append(v, fixext4Code, sealType)
	return binary.LittleEndian.AppendUint32(v, sealSum(v[:len(v)-2], top, keys))
}

// sealSum is the checksum of a record. Each name is preceded by its length.
func sealSum(v, top []byte, keys [][]byte) uint32 {
	var size [4]byte
	sum := uint32(0)
	add := func(b []byte) {
		binary.LittleEndian.PutUint32(size[:], uint32(len(b)))
		sum = crc32.Update(crc32.Update(sum, castagnoli, size[:]), castagnoli, b)
	}
	add(top)
	for _, k := range keys {
		add(k)
	}
	return crc32.Update(sum, castagnoli, v)
}

// unseal returns a record without its seal, which must be right.
func unseal(b, top []byte, keys ...[]byte) ([]byte, error) {
	n := len(b) - sealSize
	if n < 1 || b[n] != fixext4Code || b[n+1] != sealType {
		return nil, fmt.Errorf("%w: record without a checksum", ErrCorrupt)
	}
	want, got := binary.LittleEndian.Uint32(b[n+2:]), sealSum(b[:n], top, keys)
	if want != got {
		return nil, fmt.Errorf("%w: record has checksum %08x, its bytes have %08x", ErrCorrupt, want, got)
	}
	return b[:n:n], nil
}

// decode decodes a record into v, once its seal is found to be right. Records of the
// first format have none.
func (tx *Tx) decode(b []byte, v any, top []byte, keys ...[]byte) error {
	b, err := tx.unsealed(b, top, keys...)
	if err != nil {
		return err
	}
	return decode(b, v)
}

// unsealed returns a record without its seal, if the store's format has seals.
func (tx *Tx) unsealed(b []byte, top []byte, keys ...[]byte) ([]byte, error) {
	if tx.db.format < sealedFormat {
		return b, nil
	}
	return unseal(b, top, keys...)
}

// put encodes v, seals it and puts it into b, the bucket at the end of top and all
// keys but the last.
func (tx *Tx) put(b *bolt.Bucket, v any, top []byte, keys ...[]byte) error {
	enc, err := encode(v)
	if err != nil {
		return err
	}
	key := keys[len(keys)-1]
	if b.Get(key) == nil {
		if err := tx.counted(top, 1); err != nil {
			return err
		}
	}
	return b.Put(key, seal(enc, top, keys...))
}

// drop deletes a key of b, a bucket within top or top itself.
func (tx *Tx) drop(b *bolt.Bucket, top, key []byte) error {
	if b.Get(key) == nil {
		return nil
	}
	if err := tx.counted(top, -1); err != nil {
		return err
	}
	return b.Delete(key)
}
