package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// pieceSize is how many bytes of a large value lie under one key.
const pieceSize = 1 << 20

// aboutKey is the key of what is known of a large value, beside its pieces.
var aboutKey = []byte("about")

// blobAbout describes a large value.
type blobAbout struct {
	Size   int    `msgpack:"size"`
	SHA256 []byte `msgpack:"sha256"`
}

// PutNetwork keeps the network of a model in the store: the bytes of its ONNX file,
// which do not depend on files beside it.
func (tx *Tx) PutNetwork(id string, onnx []byte) error {
	m, err := tx.Model(id)
	if err != nil {
		return err
	}
	if err := tx.putLarge(networksBucket, id, onnx); err != nil {
		return fmt.Errorf("network of model %s: %w", id, err)
	}
	m.Network = int64(len(onnx))
	return tx.PutModel(m)
}

// Network returns the network of a model, or ErrNotFound if the store does not keep it.
func (tx *Tx) Network(id string) ([]byte, error) {
	b, err := tx.large(networksBucket, id)
	if err != nil {
		return nil, fmt.Errorf("network of model %s: %w", id, err)
	}
	return b, nil
}

// PutCheckpoint keeps the state of an unfinished training under a name, in the place of
// the one before.
func (tx *Tx) PutCheckpoint(name string, state []byte) error {
	if err := checkName("checkpoint", name); err != nil {
		return err
	}
	if err := tx.putLarge(checkpointsBucket, name, state); err != nil {
		return fmt.Errorf("checkpoint %s: %w", name, err)
	}
	return nil
}

// Checkpoint returns the state of an unfinished training, or ErrNotFound.
func (tx *Tx) Checkpoint(name string) ([]byte, error) {
	b, err := tx.large(checkpointsBucket, name)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", name, err)
	}
	return b, nil
}

// DeleteCheckpoint removes a checkpoint, if there is one.
func (tx *Tx) DeleteCheckpoint(name string) error {
	if err := tx.writable(); err != nil {
		return err
	}
	return tx.dropLarge(checkpointsBucket, name)
}

// optional returns a bucket at the top that stores of older versions do not have, nil if
// there is none.
func (tx *Tx) optional(top []byte) *bolt.Bucket {
	if b := tx.bolt.Bucket(top); b != nil {
		return tx.safe(b)
	}
	return nil
}

// putLarge writes a value of any size in pieces, each with its seal.
func (tx *Tx) putLarge(top []byte, name string, value []byte) error {
	if err := tx.writable(); err != nil {
		return err
	}
	if err := tx.dropLarge(top, name); err != nil {
		return err
	}
	all, err := tx.bolt.CreateBucketIfNotExists(top)
	if err != nil {
		return err
	}
	b, err := all.CreateBucket([]byte(name))
	if err != nil {
		return err
	}
	for i := 0; i*pieceSize < len(value); i++ {
		k := binary.BigEndian.AppendUint32(nil, uint32(i))
		if err := tx.put(b, value[i*pieceSize:min((i+1)*pieceSize, len(value))], top, []byte(name), k); err != nil {
			return err
		}
	}
	sum := sha256.Sum256(value)
	return tx.put(b, blobAbout{len(value), sum[:]}, top, []byte(name), aboutKey)
}

func (tx *Tx) dropLarge(top []byte, name string) error {
	all := tx.optional(top)
	if all == nil || all.Bucket([]byte(name)) == nil {
		return nil
	}
	return all.DeleteBucket([]byte(name))
}

// large reads a value that putLarge wrote, or returns ErrNotFound.
func (tx *Tx) large(top []byte, name string) ([]byte, error) {
	all := tx.optional(top)
	if all == nil {
		return nil, ErrNotFound
	}
	b := all.Bucket([]byte(name))
	if b == nil {
		return nil, ErrNotFound
	}
	tx.safe(b)
	var about blobAbout
	if err := tx.decode(b.Get(aboutKey), &about, top, []byte(name), aboutKey); err != nil {
		return nil, err
	}
	value := make([]byte, 0, max(0, min(int64(about.Size), tx.bolt.Size()))) // it lies in the file, so it is no larger
	for i := 0; len(value) < about.Size; i++ {
		k := binary.BigEndian.AppendUint32(nil, uint32(i))
		var piece []byte
		err := tx.decode(b.Get(k), &piece, top, []byte(name), k)
		if err == nil && len(piece) == 0 {
			err = fmt.Errorf("%w: it is empty", ErrCorrupt)
		}
		if err != nil {
			return nil, fmt.Errorf("piece %d: %w", i, err)
		}
		value = append(value, piece...)
	}
	if sum := sha256.Sum256(value); len(value) != about.Size || !bytes.Equal(sum[:], about.SHA256) {
		return nil, fmt.Errorf("%w: its pieces are not what was stored", ErrCorrupt)
	}
	return value, nil
}

// damagedNetwork stands for the size of a network that cannot be read.
const damagedNetwork = -1

// networks checks the networks and checkpoints that are kept.
func (c *checker) networks() error {
	sizes := map[string]int64{} // of the networks
	for _, top := range [][]byte{networksBucket, checkpointsBucket} {
		all := c.tx.optional(top)
		if all == nil {
			continue
		}
		err := all.ForEach(func(k, _ []byte) error {
			value, err := c.tx.large(top, string(k))
			if err != nil {
				c.report.add("%s/%s: %v", top, k, err)
			}
			if !bytes.Equal(top, networksBucket) {
				return c.step()
			}
			if err == nil {
				sizes[string(k)] = int64(len(value))
			} else if !errors.Is(err, ErrNotFound) {
				sizes[string(k)] = damagedNetwork
			}
			if _, err := c.tx.Model(string(k)); errors.Is(err, ErrNotFound) {
				c.report.add("there is the network of an unknown model %q", k)
			}
			return c.step()
		})
		if err != nil {
			return err
		}
	}
	return c.networkSizes(sizes)
}

// networkSizes compares the sizes of the networks with what their models say.
func (c *checker) networkSizes(sizes map[string]int64) error {
	models, err := c.tx.modelIDs()
	if err != nil {
		return err
	}
	for _, id := range models {
		m, err := c.tx.Model(id)
		if err != nil || m.Network == 0 {
			continue // reported
		}
		if size, kept := sizes[id]; !kept || size != damagedNetwork && size != m.Network {
			c.report.add("the network of model %s is not the one of %d bytes that was kept", id, m.Network)
		}
	}
	return nil
}
