package export

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"featstore/store/storetest"
)

// TestViewsAreLeftOutUnlessAsked: without them files are those of a store that has none.
func TestViewsAreLeftOutUnlessAsked(t *testing.T) {
	c := storetest.Clusters{Labels: 2, Images: 15, Dim: 3, Spread: 1, Seed: 2}
	plain, with := storetest.Open(t), storetest.Open(t)
	c.Fill(t, plain)
	c.Fill(t, with)
	c.FillViews(t, with, 2, 1)
	for _, format := range Formats {
		dir := storetest.Dir(t)
		a, b, all := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "all")
		if _, err := Write(context.Background(), plain, a, Options{Format: format}); err != nil {
			t.Fatal(err)
		}
		if _, err := Write(context.Background(), with, b, Options{Format: format}); err != nil {
			t.Fatal(err)
		}
		s, err := Write(context.Background(), with, all, Options{Format: format, Views: true})
		if err != nil {
			t.Fatal(err)
		}
		if s.Views != 2*s.Splits.Training/3 || s.Rows != 30+s.Views || s.Views == 0 {
			t.Errorf("%s: %+v", format, s)
		}
		file := ""
		if format == NPY {
			file = "features.npy"
		}
		one, two := readAll(t, filepath.Join(a, file)), readAll(t, filepath.Join(b, file))
		if format != Parquet && one != two { // its header says when a model was added
			t.Errorf("%s: views have changed the file", format)
		}
		switch format {
		case CSV:
			lines := strings.Split(strings.TrimSpace(readAll(t, all)), "\n")
			if len(lines) != 1+s.Rows || !strings.Contains(lines[0], ",copies,view,f0,") || !strings.Contains(lines[len(lines)-1], ",m,,2,") {
				t.Errorf("%d lines, %s … %s", len(lines), lines[0], lines[len(lines)-1])
			}
		case Parquet:
			rows, err := parquet.ReadFile[parquetViewRow](all)
			if err != nil || len(rows) != s.Rows || rows[0].View != 0 || rows[s.Rows-1].View != 2 || len(rows[s.Rows-1].Features) != 3 {
				t.Errorf("%d rows, %v", len(rows), err)
			}
		case NPY:
			if b := readAll(t, filepath.Join(all, "views.npy")); b[len(b)-8] != 2 {
				t.Errorf("the last view is %d", b[len(b)-8])
			}
		}
	}
}

func readAll(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
