package export

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"featstore/store/storetest"
)

// python returns an interpreter that has the modules, or skips the test.
// FEATSTORE_PYTHON names another one than python3.
func python(t *testing.T, modules ...string) string {
	t.Helper()
	name := os.Getenv("FEATSTORE_PYTHON")
	if name == "" {
		name = "python3"
	}
	if out, err := exec.Command(name, "-c", "import "+strings.Join(modules, ", ")).CombinedOutput(); err != nil {
		t.Skipf("needs %s with %s (FEATSTORE_PYTHON names another one): %s", name, strings.Join(modules, " and "), lastLine(out, err))
	}
	return name
}

func lastLine(out []byte, err error) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return last
	}
	return err.Error()
}

func TestPythonReadsNPY(t *testing.T) { readWithPython(t, NPY, "features", "numpy") }
func TestPythonReadsCSV(t *testing.T) { readWithPython(t, CSV, "features.csv", "numpy") }
func TestPythonReadsParquet(t *testing.T) {
	readWithPython(t, Parquet, "features.parquet", "numpy", "pandas", "pyarrow")
}

// readWithPython has Python read an export: every row comes back, bit for bit.
func readWithPython(t *testing.T, format Format, name string, modules ...string) {
	interpreter := python(t, modules...)
	db := storetest.Open(t)
	fill(t, db)
	models := []string{"aaaa", "bbbb"}
	path := filepath.Join(storetest.Dir(t), name)
	s, err := Write(context.Background(), db, path, Options{Format: format, Models: models})
	must(t, err)
	cmd := exec.Command(interpreter, "testdata/read.py", path)
	cmd.Env = append(os.Environ(), "PYTHONUTF8=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	want := expected(t, db, models, nil)
	if s.NotText > 0 {
		for i := range want {
			want[i].Path = strings.ToValidUTF8(want[i].Path, "\uFFFD")
		}
	}
	if d := cmp.Diff(want, pythonRows(t, out)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func pythonRows(t *testing.T, out []byte) (got []line) {
	t.Helper()
	var rows []struct {
		Path, Label, Split, Digest, Features string
		Copies                               []string
	}
	must(t, json.NewDecoder(bufio.NewReader(bytes.NewReader(out))).Decode(&rows))
	for _, r := range rows {
		path, err := hex.DecodeString(r.Path)
		must(t, err)
		bits, err := hex.DecodeString(r.Features)
		must(t, err)
		if len(r.Copies) == 0 {
			r.Copies = nil
		}
		l := line{Path: string(path), Label: r.Label, Split: r.Split, Digest: r.Digest, Copies: r.Copies}
		for ; len(bits) > 0; bits = bits[4:] {
			l.Features = append(l.Features, math.Float32frombits(binary.LittleEndian.Uint32(bits)))
		}
		got = append(got, l)
	}
	return got
}

func BenchmarkWrite(b *testing.B) {
	db := storetest.Open(b)
	c := storetest.Clusters{Labels: 5, Images: 400, Dim: 1280, Spread: 1}
	c.Fill(b, db)
	for _, format := range Formats {
		b.Run(string(format), func(b *testing.B) {
			b.ReportAllocs()
			var s Summary
			for i := 0; b.Loop(); i++ {
				var err error
				s, err = Write(context.Background(), db, filepath.Join(storetest.Dir(b), fmt.Sprint(i)), Options{Format: format})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(s.Rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(s.Bytes)/float64(s.Rows), "bytes/row")
		})
	}
}
