package annotation

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseSample(t *testing.T) {
	for _, c := range []struct {
		extension, data, field string
		labels                 []string
		from                   string
		bad                    bool
	}{
		{extension: "cls", data: "7\n", labels: []string{"7"}},
		{extension: "txt", data: "\ufeff a rose ", labels: []string{"a rose"}},
		{extension: "txt", data: " \n"},
		{extension: "txt", data: "two\nlines", bad: true},
		{extension: "cls", data: "\xff", bad: true},
		{extension: "json", data: `{"caption":"x","Class_Name":"rose"}`, labels: []string{"rose"}, from: "Class_Name"},
		{extension: "json", data: `{"class":3,"label":"rose"}`, labels: []string{"rose"}, from: "label"},
		{extension: "json", data: `{"label":["a","b"]}`, labels: []string{"a", "b"}, from: "label"},
		{extension: "json", data: `{"label":null}`, from: "label"},
		{extension: "json", data: `{"label":"a","kind":"b"}`, field: "kind", labels: []string{"b"}, from: "kind"},
		{extension: "json", data: `3`, labels: []string{"3"}},
		{extension: "json", data: `{"label":{"a":1}}`, bad: true},
		{extension: "json", data: `{"caption":"x"}`, bad: true},
		{extension: "json", data: `{"label":`, bad: true},
	} {
		labels, from, err := ParseSample(c.extension, []byte(c.data), c.field)
		if !slices.Equal(labels, c.labels) || from != c.from && err == nil || (err != nil) != c.bad || err != nil && !errors.Is(err, ErrList) {
			t.Errorf("%s %q: %q, %q, %v", c.extension, c.data, labels, from, err)
		}
	}
}

func FuzzParseSample(f *testing.F) {
	for _, seed := range [][2]string{{"json", `{"label":["a",1]}`}, {"json", `"x"`}, {"cls", "3"}, {"txt", "a rose\n"}} {
		f.Add(seed[0], []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, extension string, data []byte) {
		labels, _, err := ParseSample(extension, data, "")
		for _, l := range labels {
			if strings.TrimSpace(l) == "" || err != nil {
				t.Fatalf("label %q, %v", l, err)
			}
		}
	})
}
