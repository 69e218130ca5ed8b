package store

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	bolt "go.etcd.io/bbolt"

	"featstore/split"
)

// format is the version of the file's layout. Readers refuse other numbers, so it
// changes only when an older program would misread the file.
const (
	format       = 2
	sealedFormat = 2 // since this one, records are sealed and counted

	// A store becomes one of this format with its first unlabelled image: programs that know
	// only the one before would leave vectors where they do not belong.
	unlabelledFormat = 3
	newestFormat     = 3
)

const kind = "featstore"

// The buckets at the top of a store.
var (
	metaBucket     = []byte("meta")
	rootsBucket    = []byte("roots")
	imagesBucket   = []byte("images")
	failuresBucket = []byte("failures")
	digestsBucket  = []byte("digests")
	splitsBucket   = []byte("splits")
	modelsBucket   = []byte("models")
	headsBucket    = []byte("heads")
	featuresBucket = []byte("features")

	// Stores of older versions lack these: see Tx.optional.
	networksBucket    = []byte("networks")
	checkpointsBucket = []byte("checkpoints")
	viewsBucket       = []byte("views")

	topBuckets = [][]byte{metaBucket, rootsBucket, imagesBucket, failuresBucket, digestsBucket, splitsBucket, modelsBucket, headsBucket, featuresBucket}
)

// The keys of the meta bucket.
var (
	kindKey    = []byte("kind")
	formatKey  = []byte("format")
	policyKey  = []byte("policy")
	createdKey = []byte("created")
	resplitKey = []byte("resplit")
	countsKey  = []byte("counts")
)

// disputedBucket holds a model's vectors whose images disagree about the label.
var disputedBucket = []byte("disputed")

// unlabelledBucket holds a model's vectors whose images have no label.
var unlabelledBucket = []byte("unlabelled")

const (
	digestSize = len(split.Digest{})
	rootSize   = 8

	// MaxLabel is the length in bytes of the longest label.
	MaxLabel = bolt.MaxKeySize

	// MaxPath is the length in bytes of the longest path under a root.
	MaxPath = bolt.MaxKeySize - digestSize - rootSize
)

func (id RootID) key() []byte { return binary.BigEndian.AppendUint64(nil, uint64(id)) }

// indexKey is the key of an image in the digests bucket.
func indexKey(d split.Digest, root RootID, path string) []byte {
	k := make([]byte, 0, digestSize+rootSize+len(path))
	k = append(k, d[:]...)
	k = binary.BigEndian.AppendUint64(k, uint64(root))
	return append(k, path...)
}

// parseIndexKey is the inverse of indexKey.
func parseIndexKey(k []byte) (d split.Digest, root RootID, path string, err error) {
	if len(k) <= digestSize+rootSize {
		return d, 0, "", fmt.Errorf("%w: key of %d bytes in the index of digests", ErrCorrupt, len(k))
	}
	return split.Digest(k[:digestSize]), RootID(binary.BigEndian.Uint64(k[digestSize:])), string(k[digestSize+rootSize:]), nil
}

func checkLabel(label string) error {
	switch {
	case label == "":
		return fmt.Errorf("%w: it is empty", ErrBadLabel)
	case len(label) > MaxLabel:
		return fmt.Errorf("%w: %q… has %d bytes, at most %d are possible", ErrBadLabel, strings.ToValidUTF8(label[:40], ""), len(label), MaxLabel)
	case !utf8.ValidString(label):
		return fmt.Errorf("%w: %q is not UTF-8", ErrBadLabel, label)
	}
	return nil
}

func checkPath(path string) error {
	switch {
	case path == "":
		return fmt.Errorf("%w: it is empty", ErrBadPath)
	case len(path) > MaxPath:
		return fmt.Errorf("%w: %q… has %d bytes, at most %d are possible", ErrBadPath, path[:40], len(path), MaxPath)
	}
	return nil
}

// checkName judges names of models and heads.
func checkName(what, name string) error {
	if name == "" || len(name) > 1024 || !utf8.ValidString(name) {
		return fmt.Errorf("%s %q: want 1 to 1,024 bytes of UTF-8", what, name)
	}
	return nil
}
