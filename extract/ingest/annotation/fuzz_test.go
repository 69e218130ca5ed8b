package annotation

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// sound reads any bytes: they are rows that keep Read's promises, or an ErrList.
func sound(t *testing.T, data []byte, opt Options) {
	rows := 0
	info, err := Read(bytes.NewReader(data), opt, func(r Row) error {
		rows++
		if strings.TrimSpace(r.Path) == "" || !utf8.ValidString(r.Label) || len(r.Path)+len(r.Label) > 2*mostCell {
			t.Errorf("row %+v", r)
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrList) || err == nil && rows == 0 || rows != info.Rows {
		t.Errorf("%d rows, info %+v, error %v", rows, info, err)
	}
}

func FuzzTable(f *testing.F) {
	for _, seed := range []string{"id,breed\n000bec,boston_bull\n", "\ufeffa;b\n\"x;1.jpg\";y\n", "\xff\xfei\x00,\x00l\x00\n\x00", "image,a,b\n1,1.0,0\n",
		"a.jpg cat\n", "p|label\n1|2\n", "id\tlabel\n1\t\"2\n", "path,label,set\n1,2,train\n"} {
		f.Add([]byte(seed), "", "")
		f.Add([]byte(seed), "2", "label")
	}
	f.Fuzz(func(t *testing.T, data []byte, path, label string) {
		sound(t, data, Options{PathColumn: path, LabelColumn: label})
	})
}

func FuzzRecords(f *testing.F) {
	for _, seed := range []string{`{"file_name":"1.png","label":"cat"}`, `{"file_name":"1.png","labels":["cat",1,null]}` + "\n{}",
		`[{"image":"s3://a/1.jpg","label":{"choices":["x"]}}]`, labelStudio} {
		f.Add([]byte(seed), "")
	}
	f.Fuzz(func(t *testing.T, data []byte, split string) { sound(t, data, Options{SplitColumn: split}) })
}

func FuzzLabelStudio(f *testing.F) {
	f.Add([]byte(labelStudio), "animal")
	f.Add([]byte(`[{"data":{"x":"C:\\a\\1.jpg"},"completions":[{"result":[{"type":"choices","value":{"choices":"x"}}]}]}]`), "")
	f.Fuzz(func(t *testing.T, data []byte, question string) { sound(t, data, Options{LabelColumn: question}) })
}

func FuzzCOCO(f *testing.F) {
	f.Add([]byte(coco))
	f.Add([]byte(`{"images":[{"id":1,"file_name":"a"}],"categories":[{"id":2,"name":"b"}],"annotations":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) { sound(t, data, Options{}) })
}

func FuzzCVAT(f *testing.F) {
	f.Add([]byte(cvat), "subset")
	f.Add([]byte(`<?xml version="0"?>`), "")
	f.Add([]byte("<annotations><image name='a'><tag label='b'/></image></annotations>"), "")
	f.Fuzz(func(t *testing.T, data []byte, split string) { sound(t, data, Options{SplitColumn: split}) })
}

func FuzzNames(f *testing.F) {
	for _, seed := range []string{"n01440764 tench, Tinca tinca\n", "n02119789 1 kit_fox\n", "0,cat\n1,dog\n", `{"0":["n01440764","tench"]}`, `["a","b"]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		names, err := ParseNames(data)
		if err != nil && !errors.Is(err, ErrNames) || err == nil && len(names) == 0 {
			t.Errorf("%d names, error %v", len(names), err)
		}
		for code, name := range names {
			if name == "" || !utf8.ValidString(name) {
				t.Errorf("%q is named %q", code, name)
			}
		}
	})
}
