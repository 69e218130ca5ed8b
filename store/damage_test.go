package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
	bolt "go.etcd.io/bbolt"

	"featstore/split"
	"featstore/store"
	"featstore/store/storetest"
)

// truth is what a damaged copy of the store of fillAll may still say, in its last
// state or the one before.
type truth struct {
	labels  map[split.Digest]string
	vectors map[string]map[split.Digest][]float32
}

func newTruth() truth {
	tr := truth{map[split.Digest]string{}, map[string]map[split.Digest][]float32{}}
	for _, c := range []storetest.Clusters{smallModel, largeModel} {
		tr.vectors[c.Model] = map[split.Digest][]float32{}
		for l := range c.Labels {
			for i := range c.Images {
				tr.labels[c.Digest(l, i)] = c.Label(l)
				tr.vectors[c.Model][c.Digest(l, i)] = c.Vector(l, i)
			}
		}
	}
	return tr
}

// visit reads all vectors through indexes.
func (tr truth) visit(db *store.DB, fn func(m, label string, d split.Digest, row []float32) error) error {
	var errs []error
	for _, m := range []string{"small", "large"} {
		for _, sp := range split.All {
			ix, err := db.Index([]string{m}, sp)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			errs = append(errs, db.Each(ix, func(l int, d split.Digest, row []float32) error { return fn(m, ix.Labels[l], d, row) }))
		}
	}
	return errors.Join(errs...)
}

// errWrong means that a damaged store gave wrong data.
var errWrong = errors.New("wrong data")

// use reads all of a store that may be damaged. All errors are fine, except wrong
// vectors.
func (tr truth) use(db *store.DB) error {
	compare := func(m, label string, d split.Digest, row []float32) error {
		if tr.labels[d] != label || !slices.Equal(bits(row), bits(tr.vectors[m][d])) {
			return fmt.Errorf("%w: %s under %q", errWrong, d.Short(), label)
		}
		return nil
	}
	err := tr.visit(db, compare)
	_, err2 := describe(db)
	return errors.Join(err, err2, tr.sample(db, compare))
}

func (tr truth) sample(db *store.DB, compare func(m, label string, d split.Digest, row []float32) error) error {
	ix, err := db.Index([]string{"large"}, split.Training)
	if err != nil {
		return err
	}
	s, err := db.NewSampler(ix)
	if err != nil {
		return err
	}
	defer s.Close()
	for range 3 {
		b, err := s.Draw(rand.NewPCG(1, 2), 20)
		if err != nil {
			return err
		}
		for i, row := range b.Rows {
			if err := compare("large", ix.Labels[b.Labels[i]], b.Digests[i], row); err != nil {
				return err
			}
		}
	}
	return nil
}

// survives opens, reads, checks and, if asked, changes a damaged file. A crash or a
// hang is for the test program to find out; wrong data is an error here.
func (tr truth) survives(path string, change bool) (problems int, err error) {
	r, err := store.CheckFile(context.Background(), path, nil)
	problems = len(r.Problems)
	if err != nil {
		problems++
	}
	for _, readOnly := range []bool{true, false} {
		if !readOnly && !change {
			continue
		}
		db, err := store.Open(path, store.Options{ReadOnly: readOnly})
		if err != nil {
			if strings.Contains(err.Error(), "in use") {
				return problems, fmt.Errorf("still locked: %w", err)
			}
			continue
		}
		if err := tr.use(db); errors.Is(err, errWrong) {
			db.Close()
			return problems, err
		}
		if change {
			scribble(db)
		}
		db.Close()
	}
	return problems, nil
}

// scribble changes much of a store, without hope.
func scribble(db *store.DB) {
	for i := range 6 {
		db.Update(func(tx *store.Tx) error {
			d := largeModel.Digest(i%3, i)
			switch i {
			case 0:
				return tx.PutImage(1, "new.jpg", store.Image{Digest: d, Label: "new"})
			case 1:
				return tx.PutVector("large", d, make([]float32, 1500))
			case 2:
				return tx.DeleteImage(1, fmt.Sprintf("label%02d/%06d.jpg", i%3, i))
			case 3:
				return tx.SetSplit(d, split.Testing)
			case 4:
				return tx.DeleteRoot(1)
			}
			return tx.PutFailure(1, "x", store.Failure{})
		})
	}
	db.Resplit(context.Background(), split.Policy{Testing: 50, Salt: "x"}, nil)
}

// Every page overwritten in several ways, and the file cut at many places.
func TestDamagedPages(t *testing.T) {
	path := fill(t)
	tr := newTruth()
	whole := read(t, path)
	const page = 4096
	used := usedPages(t, path)
	bad := filepath.Join(storetest.Dir(t), "damaged.db")
	try := func(name string, data []byte, change bool) {
		t.Helper()
		write(t, bad, data)
		if _, err := tr.survives(bad, change); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	step := 1
	if testing.Short() {
		step = 5
	}
	for n := 0; n < used; n += step {
		at := n * page
		for name, fill := range map[string]func(i int) byte{
			"zero":   func(int) byte { return 0 },
			"ones":   func(int) byte { return 0xff },
			"random": func(int) byte { return byte(rng.Uint32()) },
			"other":  func(i int) byte { return whole[(n+5)%used*page+i] },
			"half":   func(i int) byte { return whole[at+i] * byte(i/(page/2)) },
		} {
			data := bytes.Clone(whole)
			for i := range page {
				data[at+i] = fill(i)
			}
			try(fmt.Sprintf("page %d: %s", n, name), data, name == "random")
		}
		try(fmt.Sprintf("cut after page %d", n), whole[:at], false)
		try(fmt.Sprintf("cut within page %d", n), whole[:at+rng.IntN(page)], n%4 == 0)
	}
}

// usedPages returns how many pages a store's trees may lie in.
func usedPages(t testing.TB, path string) int {
	b, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	n := 0
	b.View(func(tx *bolt.Tx) error { n = int(tx.Size() / 4096); return nil })
	return n
}

// Single bits flipped: in all that bbolt and the records say, and here and there in
// the vectors.
func TestFlippedBits(t *testing.T) {
	path := fill(t)
	tr := newTruth()
	whole := read(t, path)
	whole = whole[:usedPages(t, path)*4096]
	bad := filepath.Join(storetest.Dir(t), "damaged.db")
	rng := rand.New(rand.NewPCG(5, 6))
	rounds, noticed := 800, 0
	if testing.Short() {
		rounds = 200
	}
	flip := func(i, at int) {
		data := bytes.Clone(whole)
		data[at] ^= 1 << rng.IntN(8)
		write(t, bad, data)
		problems, err := tr.survives(bad, i%20 == 0)
		if err != nil {
			t.Errorf("byte %d of page %d: %v", at%4096, at/4096, err)
		}
		noticed += min(problems, 1)
	}
	for i := range rounds {
		at := rng.IntN(len(whole))
		if i%2 == 0 { // the heads of pages
			at = at/4096*4096 + rng.IntN(100)
		}
		flip(i, at)
	}
	t.Logf("the check noticed %d of %d flipped bits; the others are in free pages, or harmless", noticed, rounds)
	if noticed < rounds/4 {
		t.Errorf("only %d of %d flipped bits were noticed", noticed, rounds)
	}
}

// Pages made to refer to each other in circles, which bbolt would follow for ever.
func TestCircles(t *testing.T) {
	path := fill(t)
	tr := newTruth()
	whole := read(t, path)
	used := usedPages(t, path)
	bad := filepath.Join(storetest.Dir(t), "damaged.db")
	for n := 2; n < used; n++ {
		data := bytes.Clone(whole)
		p := data[n*4096:]
		p[8], p[9], p[10], p[11] = 1, 0, 1, 0 // a branch with one child: itself
		copy(p[16:], []byte{16, 0, 0, 0, 1, 0, 0, 0, byte(n), byte(n >> 8), 0, 0, 0, 0, 0, 0, 'k'})
		write(t, bad, data)
		if _, err := tr.survives(bad, false); err != nil {
			t.Errorf("page %d: %v", n, err)
		}
	}
}

// nanHead is a head whose accuracy no arithmetic gives.
func nanHead() []byte {
	b, err := msgpack.Marshal(store.Head{Models: []string{"small"}, Dim: 8, Test: store.TestAccuracy{Total: 1, Lo: math.NaN()}})
	if err != nil {
		panic(err)
	}
	return b
}

// Check names damage wherever it is, and goes on beside it.
func TestCheckFindsDamage(t *testing.T) {
	d := smallModel.Digest(0, 5)
	other := smallModel.Digest(1, 5)
	put := func(key, value []byte, chain ...string) func(*bolt.Tx) error {
		return func(tx *bolt.Tx) error {
			b := tx.Bucket([]byte(chain[0]))
			for _, name := range chain[1:] {
				var err error
				if b, err = b.CreateBucketIfNotExists([]byte(name)); err != nil {
					return err
				}
			}
			if value == nil {
				return b.Delete(key)
			}
			return b.Put(key, value)
		}
	}
	root1 := string([]byte{0, 0, 0, 0, 0, 0, 0, 1})
	root9 := string([]byte{0, 0, 0, 0, 0, 0, 0, 9})
	sp := split.DefaultPolicy().Assign(d).String()
	indexed := append(append(bytes.Clone(d[:]), root1...), "label00/000005.jpg"...)
	blob := store.AppendBlob(nil, make([]float32, 8))
	fixed := smallModel.Digest(1, 1)
	torn := bytes.Clone(blob)
	torn[20] ^= 1
	for _, c := range []struct {
		damage func(*bolt.Tx) error
		says   string
	}{
		{func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("extra")); return err }, `unknown bucket "extra"`},
		{put([]byte("default"), []byte{0xc1}, "heads"), "head default: the store is damaged: record without a checksum"},
		{put([]byte("default"), store.Seal([]byte{0xc1}, "heads", "other"), "heads"), "head default: the store is damaged: record has checksum"},
		{put([]byte("default"), store.Seal([]byte{0xc1}, "heads", "default"), "heads"), "head default: the store is damaged: unreadable record"},
		{put([]byte("default"), store.Seal(nanHead(), "heads", "default"), "heads"), "its accuracy cannot be"},
		{put([]byte("default"), nil, "heads"), "heads: there are 0, it counts 1"},
		{put(fixed[:], nil, "splits"), "splits: there are 0, it counts 1"},
		{put([]byte("bad.jpg"), nil, "failures", root1), "failures: there are 0, it counts 1"},
		{func(tx *bolt.Tx) error {
			return tx.Bucket([]byte("features")).Bucket([]byte("small")).DeleteBucket([]byte(sp))
		}, "features: there are "},
		{func(tx *bolt.Tx) error { return tx.Bucket([]byte("roots")).SetSequence(7) }, "the root given last is 7, it counts 1"},
		{put([]byte("counts"), nil, "meta"), "counts of records: the store is damaged"},
		{put([]byte("small"), nil, "models"), `unknown model "small"`},
		{put([]byte("small"), nil, "models"), "head default: it needs model small"},
		{put(indexed, nil, "digests"), "its digest " + d.Short() + " is not in the index"},
		{put(indexed, []byte{0xa1, 'x'}, "digests"), `it has label "label00", in the index "x"`},
		{put([]byte("short"), []byte{0xa1, 'x'}, "digests"), "key of 5 bytes in the index"},
		{put([]byte("label00/000005.jpg"), nil, "images", root1), `has image "label00/000005.jpg" of root 1, which is not there`},
		{put([]byte("label00/000005.jpg"), store.Seal([]byte{0x80}, "images", root1, "label00/000005.jpg"), "images", root1),
			"digest of 0 bytes in an image's record"},
		{put([]byte("x.jpg"), []byte{0x80}, "images", root9), "images: root 9: not in the store"},
		{put([]byte("label00/000005.jpg"), []byte{0x80}, "failures", root1), "is both an image and a failure"},
		{put([]byte("x.jpg"), []byte{0xc1}, "failures", root1), "failure of x.jpg: the store is damaged"},
		{put([]byte("odd"), []byte{0x80}, "failures"), `failures has an unknown key "odd"`},
		{put(d[:], torn, "features", "small", sp, "label00"), "has checksum"},
		{put(d[:], store.AppendBlob(nil, make([]float32, 7)), "features", "small", sp, "label00"), "has 7 floats, model small gives 8"},
		{put(d[:], []byte("junk"), "features", "small", sp, "label00"), "are not a vector"},
		{put(d[:], nil, "features", "small", sp, "label00"), "vectors but counts"},
		{put(other[:], blob, "features", "small", sp, "label00"), "belongs "},
		{put(d[:3], blob, "features", "small", sp, "label00"), "unknown key"},
		{put(d[:], blob, "features", "small", "odd", "label00"), `features/small has a bucket "odd"`},
		{put(d[:], store.Seal([]byte{0xa1, 'x'}, "splits", string(d[:])), "splits"), "unknown split"},
		{put([]byte("x"), []byte{0xa1, 'x'}, "splits"), "a split's key has 1 bytes"},
		{put([]byte("resplit"), []byte{0xc1}, "meta"), "state of the change of splits"},
		{func(tx *bolt.Tx) error { return tx.Bucket([]byte("roots")).SetSequence(0) }, "may be given again"},
		{put([]byte("short"), []byte{0x80}, "roots"), "a root's key has 5 bytes"},
	} {
		path := fillToDamage(t)
		b, err := bolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(b.Update(c.damage), b.Close()); err != nil {
			t.Fatal(err)
		}
		r, err := store.CheckFile(context.Background(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if all := strings.Join(r.Problems, "\n"); r.OK() || !strings.Contains(all, c.says) {
			t.Errorf("want %q, got\n%s", c.says, all)
		}
	}
}

func TestCheckReportsProgressAndStops(t *testing.T) {
	db := storetest.Open(t)
	storetest.Clusters{Labels: 2, Images: 700, Dim: 4}.Fill(t, db)
	var last, total int64
	r, err := db.Check(context.Background(), func(d, n int64) {
		if d < last || d > n {
			t.Errorf("%d of %d after %d", d, n, last)
		}
		last, total = d, n
	})
	if err != nil || !r.OK() || r.Images != 1400 || r.Vectors != 1400 || last != total || total == 0 {
		t.Errorf("%+v, %v, %d of %d", r, err, last, total)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := db.Check(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// FuzzOpen opens a small store with some bytes changed.
func FuzzOpen(f *testing.F) {
	path := fill(f)
	tr := newTruth()
	whole := read(f, path)
	f.Add(uint32(0), []byte{}, uint32(1<<31))
	f.Add(uint32(4096*3+10), []byte{255, 255}, uint32(1<<31))
	f.Add(uint32(4096*5), []byte{5, 0, 0, 0, 0, 0, 0, 0, 1, 0}, uint32(9000))
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, size uint32) {
		data := bytes.Clone(whole)
		copy(data[int(at)%len(data):], patch)
		bad := filepath.Join(storetest.Dir(t), "damaged.db")
		write(t, bad, data[:min(int64(size), int64(len(data)))])
		if _, err := tr.survives(bad, true); err != nil {
			t.Error(err)
		}
	})
}
