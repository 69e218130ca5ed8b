package importer

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"featstore/store/storetest"
)

// sound reads any bytes: they are rows that keep what is promised, or an ErrSource.
func sound(t *testing.T, path string, opt Options) {
	src, err := Open(path, opt)
	if err != nil {
		if !errors.Is(err, ErrSource) && !errors.Is(err, ErrBeside) {
			t.Fatalf("another error than ErrSource: %v", err)
		}
		return
	}
	defer src.Close()
	for _, vectors := range []bool{false, true} {
		n := 0
		err = src.Each(context.Background(), vectors, func(r *Row) error {
			if n++; vectors && r.Problem == "" && len(r.Vector) != src.Dim {
				t.Fatalf("row %d has %d features, want %d", r.Number, len(r.Vector), src.Dim)
			}
			return nil
		})
		if err != nil && !errors.Is(err, ErrSource) {
			t.Fatalf("another error than ErrSource: %v", err)
		}
		if err == nil && src.Rows >= 0 && n != src.Rows {
			t.Fatalf("%d rows, %d were told of", n, src.Rows)
		}
	}
}

func FuzzArray(f *testing.F) {
	f.Add(npyFile("'<f4'", "(2, 2)", make([]byte, 16)))
	f.Add(npyFile("'>f2'", "(2, 1, 2)", make([]byte, 8)))
	f.Add(npyFile("[('a', '<f4')]", "(2,)", make([]byte, 16)))
	f.Add([]byte(npyMagic + "\x02\x00\x04\x00\x00\x00{'a'"))
	f.Fuzz(func(t *testing.T, data []byte) {
		sound(t, write(t, storetest.Dir(t), "features.npy", data), Options{})
	})
}

func FuzzBeside(f *testing.F) {
	f.Add(npyFile("'<U2'", "(2,)", make([]byte, 16)), []byte("a\nb"), ".npy")
	f.Add([]byte("label,path\na,b\nc,d\n"), []byte(`["a"]`), ".csv")
	f.Add([]byte("0\n1\n"), []byte("a\nb\n"), ".txt")
	f.Fuzz(func(t *testing.T, data, names []byte, ending string) {
		if ending != ".npy" && ending != ".csv" {
			ending = ".txt"
		}
		dir := storetest.Dir(t)
		beside := write(t, dir, "beside"+ending, data)
		features := write(t, dir, "features.npy", npyFile("'<f4'", "(2, 1)", make([]byte, 8)))
		sound(t, features, Options{Labels: beside, Paths: beside, Splits: beside})
		sound(t, features, Options{Labels: beside, LabelNames: write(t, dir, "names.json", names)})
		sound(t, features, Options{Labels: beside, LabelNames: write(t, dir, "names.txt", names)})
		write(t, dir, "digests.npy", data)
		write(t, dir, exportName, names)
		sound(t, dir, Options{})
	})
}

func FuzzTable(f *testing.F) {
	f.Add([]byte("path,label,split,digest,copies,view,f0,f1\na,b,train,,\"[\"\"c\"\"]\",0,1,2\n"))
	f.Add([]byte("\ufefffile;class;1;2\na;b;1;x\n"))
	f.Add([]byte("f1\tf0\n1\t2\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		sound(t, write(t, storetest.Dir(t), "x.csv", data), Options{})
	})
}

func FuzzBottleneck(f *testing.F) {
	f.Add([]byte("1,2.5,-3e4"), []byte("1,2,x"))
	f.Add([]byte(""), []byte(",,"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		dir := storetest.Dir(t)
		write(t, dir, "rose/1.jpg.txt", a)
		write(t, dir, "rose/2.jpg_inception_v3.txt", b)
		sound(t, dir, Options{})
	})
}

func FuzzParquet(f *testing.F) {
	f.Add(parquetFileOf(f, []listRow{{"a", "b", "train", []float32{1, 2}}}))
	f.Add(parquetFileOf(f, []wideRow{{"a", 1, 0.5, 2}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if !bytes.HasPrefix(data, []byte(parquetMagic)) {
			data = append([]byte(parquetMagic), data...)
		}
		sound(t, write(t, storetest.Dir(t), "x.parquet", data), Options{})
	})
}
